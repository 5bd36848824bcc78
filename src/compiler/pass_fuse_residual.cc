// Groups a projection, with its bias, with the residual add that takes its result, and so with the weighting
// and quantisation of the sum that fuse_norm_quant made one phase with the add.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

Result<bool> FuseResidual(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const graph::Node& node = body.nodes[i];
      // Residual first: the phase adds to it in place.
      if (node.op != Op::kAdd || node.inputs[0] == node.inputs[1] || !editor.IsUsedOnce(node.inputs[1]))
        continue;
      const auto projection = MatchProjection(editor, node.inputs[1]);
      if (!projection) continue;
      changed |= editor.Join(Together(projection->nodes, {NodeId{static_cast<std::int32_t>(i)}}));
    }
  }
  return changed;
}

}  // namespace vivace::compiler
