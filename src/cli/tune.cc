// `vivace tune`: measures the tile plans of a model's compile sizes, or shows what is known of them.
#include <cstdio>

#include "base/status_macros.h"
#include "cli/commands.h"
#include "cli/interrupt_watcher.h"
#include "cli/tune_text.h"

namespace vivace::cli {

Status RunTune(const Invocation& invocation) {
  const InterruptWatcher watcher(ExitInterrupted);
  VIVACE_ASSIGN_OR_RETURN(const TuningSummary summary,
                          TuneModel(invocation.options, {.show = invocation.show}));
  const std::string out = TuneText(summary);
  std::fwrite(out.data(), 1, out.size(), stdout);
  return Status::Ok();
}

}  // namespace vivace::cli
