// `vivace inspect`: what a model is, as a table or as JSON.
#include <cstdio>

#include "base/status_macros.h"
#include "cli/commands.h"
#include "cli/inspect_text.h"
#include "cli/interrupt_watcher.h"

namespace vivace::cli {

Status RunInspect(const Invocation& invocation) {
  const InterruptWatcher watcher(ExitInterrupted);
  VIVACE_ASSIGN_OR_RETURN(const ModelSummary model, InspectModel(invocation.options));
  const std::string out = invocation.json ? InspectJson(model) + "\n" : InspectText(model);
  std::fwrite(out.data(), 1, out.size(), stdout);
  return Status::Ok();
}

}  // namespace vivace::cli
