// What a pass may know besides the graph.
#pragma once

namespace vivace::compiler {

struct PassContext {
  int level = 0;
};

}  // namespace vivace::compiler
