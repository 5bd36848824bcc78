// Groups the output projection with the selection of the rows whose logits are wanted and the norm's scale.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

Result<bool> OldFuseLmHead(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (const graph::ValueId output : body.outputs) {
      if (editor.type(output).rows != graph::Rows::kLogits) continue;
      const auto match = MatchScaledLinear(editor, output);
      if (!match) continue;
      std::vector<graph::NodeId> nodes = match->nodes;
      if (const auto gather = editor.Producer(match->input, graph::Op::kGatherRows)) nodes.push_back(*gather);
      if (NoneGrouped(editor, nodes)) changed |= editor.Group(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
