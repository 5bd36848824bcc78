// `vivace explain`: where the time of a step goes, as a table, as JSON or as a page.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/commands.h"
#include "cli/explain_text.h"
#include "cli/interrupt_watcher.h"

namespace vivace::cli {
namespace {

Status Unwritable(const std::string& path) {
  return InvalidArgument("cannot write --output '" + path + "': " + std::strerror(errno));
}

}  // namespace

Status RunExplain(const Invocation& invocation) {
  const InterruptWatcher watcher(ExitInterrupted);
  const ExplainArguments& arguments = invocation.explain;
  // Found out before the seconds that measuring takes.
  std::ofstream file;
  const bool is_new = !arguments.output.empty() && !std::filesystem::exists(arguments.output);
  if (!arguments.output.empty()) {
    file.open(arguments.output, std::ios::binary | std::ios::app);
    if (!file) return Unwritable(arguments.output);
    file.close();
  }
  const Result<Explanation> explained = ExplainModel(invocation.options, arguments.request);
  if (!explained.ok()) {
    std::error_code ignored;
    if (is_new) std::filesystem::remove(arguments.output, ignored);
    return explained.status();
  }
  const Explanation& explanation = *explained;
  const std::string out = arguments.format == "html"   ? ExplainHtml(explanation)
                          : arguments.format == "json" ? ExplainJson(explanation) + "\n"
                                                       : ExplainText(explanation);
  if (arguments.output.empty()) {
    std::fwrite(out.data(), 1, out.size(), stdout);
    return Status::Ok();
  }
  file.open(arguments.output, std::ios::binary | std::ios::trunc);
  file << out;
  file.flush();
  return file ? Status::Ok() : Unwritable(arguments.output);
}

}  // namespace vivace::cli
