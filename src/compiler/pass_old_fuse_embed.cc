// Groups the embedding look-up with the weighting and quantisation of its rows for the first layer.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

Result<bool> OldFuseEmbed(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != graph::Op::kEmbed) continue;
      const auto rows = MatchWeightedQuantize(editor, body.nodes[i].output);
      if (!rows) continue;
      const std::vector<graph::NodeId> nodes{{static_cast<std::int32_t>(i)}, rows->mul, rows->quantize};
      if (NoneGrouped(editor, nodes)) changed |= editor.Group(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
