// Groups attention with the quantisation of its result for the output projection.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

Result<bool> OldFuseAttnQuant(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != graph::Op::kAttention) continue;
      const auto quantize = editor.OnlyUser(body.nodes[i].output, graph::Op::kQuantize);
      if (!quantize) continue;
      const std::vector<graph::NodeId> nodes{{static_cast<std::int32_t>(i)}, *quantize};
      if (NoneGrouped(editor, nodes)) changed |= editor.Group(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
