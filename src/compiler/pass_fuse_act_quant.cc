// Adds the quantisation of a gated activation to the phase that makes it.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;

Result<bool> FuseActQuant(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const graph::Node& node = body.nodes[i];
      if (node.op != Op::kSiluMul && node.op != Op::kGeluMul) continue;
      const std::vector<NodeId> rows = MatchQuantize(editor, node.output);
      if (!rows.empty()) changed |= editor.Join(Together(rows, {NodeId{static_cast<std::int32_t>(i)}}));
    }
  }
  return changed;
}

}  // namespace vivace::compiler
