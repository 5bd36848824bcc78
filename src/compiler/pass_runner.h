// Runs the passes: the only place that names, times, verifies, dumps and disables them.
#pragma once

#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {

struct PassRun {
  std::vector<PassRecord> records;
  std::string graph_text;  // when asked: the graph before, and after each pass that changed it
};

/// Runs every pass of `passes` whose level is at most context.level and that `selection` does not disable,
/// and those that it enables. kInvalidArgument: `selection` has a name that is no pass, or is in both lists.
/// kInternal: a pass left a broken graph; the message names the pass.
Result<PassRun> RunPasses(graph::Graph& graph, const PassContext& context, std::span<const PassRow> passes,
                          const PassSelection& selection, bool dump);

}  // namespace vivace::compiler
