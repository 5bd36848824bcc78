// Norms of heads and the rotation that follows become the epilogue of the phase that makes q or k, or one
// phase of their own.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

Result<bool> FuseQkNormRope(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != Op::kHeadNorm || !HasTiledHeads(body.nodes[i].attributes.head_dim)) continue;
      const auto rope = editor.OnlyUser(body.nodes[i].output, Op::kRope);
      if (!rope) continue;
      std::vector<NodeId> nodes{NodeId{static_cast<std::int32_t>(i)}, *rope};
      const ValueId input = body.nodes[i].inputs[0];
      if (editor.IsUsedOnce(input) && MatchProjection(editor, input) && editor.GroupOf(input) >= 0) {
        nodes.push_back(*editor.Producer(input));
      }
      changed |= editor.Join(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
