// Groups a projection with the residual add that takes its result, and with the weighting and quantisation of
// the sum for the norm that follows.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

Result<bool> OldFuseResidual(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != graph::Op::kLinear) continue;
      const auto add = editor.OnlyUser(body.nodes[i].output, graph::Op::kAdd);
      if (!add || editor.node(*add).inputs[0] == body.nodes[i].output) continue;  // residual + projection
      std::vector<graph::NodeId> nodes{{static_cast<std::int32_t>(i)}, *add};
      if (const auto rows = MatchWeightedQuantize(editor, editor.node(*add).output)) {
        nodes.push_back(rows->mul);
        nodes.push_back(rows->quantize);
      }
      if (NoneGrouped(editor, nodes)) changed |= editor.Group(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
