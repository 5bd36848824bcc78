#include "compiler/pass_runner.h"

#include <algorithm>
#include <chrono>

#include "base/status_macros.h"

namespace vivace::compiler {
namespace {

using Clock = std::chrono::steady_clock;

bool Has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status CheckNames(std::span<const PassRow> passes, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    std::string known;
    bool found = false;
    for (const PassRow& pass : passes) {
      found |= pass.name == name;
      known += (known.empty() ? "" : ", ") + std::string(pass.name);
    }
    if (!found) return InvalidArgument("there is no pass '" + name + "'; the passes are " + known);
  }
  return Status::Ok();
}

Status InPass(const PassRow& pass, const Status& status) {
  return {status.code(), "pass " + std::string(pass.name) + ": " + status.message()};
}

}  // namespace

Result<PassRun> RunPasses(graph::Graph& graph, const PassContext& context, std::span<const PassRow> passes,
                          const PassSelection& selection, bool dump) {
  VIVACE_RETURN_IF_ERROR(CheckNames(passes, selection.disabled));
  VIVACE_RETURN_IF_ERROR(CheckNames(passes, selection.enabled));
  for (const std::string& name : selection.enabled) {
    if (Has(selection.disabled, name)) return InvalidArgument("pass '" + name + "' is both on and off");
  }
  PassRun run;
  if (dump) run.graph_text = "// graph\n" + graph::Print(graph);
  for (const PassRow& pass : passes) {
    if (pass.level > context.level && !Has(selection.enabled, pass.name)) continue;
    if (Has(selection.disabled, pass.name)) continue;
    const Clock::time_point start = Clock::now();
    const Result<bool> changed = pass.run(graph, context);
    if (!changed.ok()) return InPass(pass, changed.status());
    if (*changed) {
      if (const Status status = graph::Verify(graph); !status.ok()) return InPass(pass, status);
    }
    const std::chrono::duration<double, std::micro> took = Clock::now() - start;
    run.records.push_back({pass.name, *changed, took.count()});
    if (dump && *changed) {
      run.graph_text += "\n// after " + std::string(pass.name) + "\n" + graph::Print(graph);
    }
  }
  return run;
}

}  // namespace vivace::compiler
