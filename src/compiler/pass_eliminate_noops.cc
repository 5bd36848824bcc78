// Removes nodes whose result nobody uses, and the weights that only they used.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {

Result<bool> EliminateNoops(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (std::size_t index = 0; index < graph.bodies.size(); ++index) {
    BodyEditor editor(graph.bodies[index]);
    // From the last node to the first, so that one walk finds chains of unused nodes.
    for (std::size_t i = editor.body().nodes.size(); i-- > 0;) {
      const graph::NodeId id{static_cast<std::int32_t>(i)};
      const graph::ValueId output = editor.node(id).output;
      if (editor.IsOutput(output) || !editor.Users(output).empty()) continue;
      editor.Remove(id);
      changed = true;
    }
    changed |= CompactBody(graph, graph::BodyId{static_cast<std::int32_t>(index)});
  }
  return changed;
}

}  // namespace vivace::compiler
