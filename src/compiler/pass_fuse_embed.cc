// Groups the embedding look-up with its scale and with the weighting and quantisation of its rows for the
// first layer.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

Result<bool> FuseEmbed(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != Op::kEmbed) continue;
      std::vector<NodeId> nodes{NodeId{static_cast<std::int32_t>(i)}};
      ValueId x = body.nodes[i].output;
      if (const auto scale = editor.OnlyUser(x, Op::kScale)) {
        nodes.push_back(*scale);
        x = editor.node(*scale).output;
      }
      for (const NodeId user : editor.Users(x)) {
        const graph::Node& mul = editor.node(user);
        if (mul.op != Op::kMul || mul.inputs[0] != x || !editor.IsWeight(mul.inputs[1])) continue;
        const std::vector<NodeId> rows = MatchQuantize(editor, mul.output);
        if (!rows.empty()) nodes = Together(std::move(nodes), Together(rows, {user}));
      }
      if (nodes.size() > 1) changed |= editor.Join(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
