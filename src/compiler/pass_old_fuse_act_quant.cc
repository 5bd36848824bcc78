// Adds the gated activation and the quantisation of its result to the group of the gate-up projection: they
// become its epilogue.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

Result<bool> OldFuseActQuant(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const graph::Node& node = body.nodes[i];
      if (node.op != graph::Op::kSiluMul) continue;
      const auto quantize = editor.OnlyUser(node.output, graph::Op::kQuantize);
      const graph::Value& gate = body.value(node.inputs[0]);
      if (!quantize || gate.kind != graph::ValueKind::kNode) continue;
      const std::vector<graph::NodeId> nodes{{static_cast<std::int32_t>(i)}, *quantize};
      const int group = body.node(gate.node).group;
      if (group >= 0 && NoneGrouped(editor, nodes)) changed |= editor.Group(nodes, group);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
