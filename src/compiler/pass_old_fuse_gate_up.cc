// Groups the gate and the up projection of a gated feed-forward, with the norm's scale: one contraction over
// the rows that they share.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

Result<bool> OldFuseGateUp(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const graph::Node& node = body.nodes[i];
      if (node.op != graph::Op::kSiluMul) continue;
      const auto gate = MatchScaledLinear(editor, node.inputs[0]);
      const auto up = MatchScaledLinear(editor, node.inputs[1]);
      if (!gate || !up || gate->input != up->input) continue;
      std::vector<graph::NodeId> nodes = gate->nodes;
      nodes.insert(nodes.end(), up->nodes.begin(), up->nodes.end());
      if (NoneGrouped(editor, nodes)) changed |= editor.Group(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
