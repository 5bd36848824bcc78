// The one list of graph passes, in the order in which they run. A pass is one free function in one file,
// pass_<name>.cc; only the runner (pass_runner.h) calls it.
#pragma once

#include <span>
#include <string_view>

#include "compiler/pass_context.h"
#include "graph/graph.h"
#include "vivace/status.h"

namespace vivace::compiler {

/// True when the graph was changed. A pass that finds nothing to do, or cannot prove that it may, changes
/// nothing.
using PassFn = Result<bool> (*)(graph::Graph& graph, const PassContext& context);

struct PassRow {
  std::string_view name;
  PassFn run;
  int level;                  // lowest level that runs it by default
  bool moves_rounding_point;  // the others leave every bit of the result as it is
  std::string_view help;
  std::string_view condition;  // what a model must have for it, "for" left out; without it nothing changes
  bool is_vllm_name = false;   // a field of vLLM's pass_config
};

/// The passes whose groups are any tile phase: a source of tiles and what follows it.
std::span<const PassRow> PassList();

}  // namespace vivace::compiler
