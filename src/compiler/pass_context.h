// What a pass may know besides the graph.
#pragma once

#include <set>
#include <string>
#include <utility>

namespace vivace::compiler {

struct PassContext {
  int level = 0;
  /// Body and weight names of linear layers that no fused phase takes: their rows stay float32.
  std::set<std::pair<std::string, std::string>> float_weights = {};
};

}  // namespace vivace::compiler
