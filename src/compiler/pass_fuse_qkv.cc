// Groups the linear layers that make q, k and v of one attention, with the norm's scale and their biases: one
// contraction over the rows that they share.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

/// What the linear layer gave, before norms of heads and rotation.
ValueId BeforeRope(const BodyEditor& editor, ValueId value) {
  if (const auto rope = editor.OnlyProducer(value, Op::kRope)) value = editor.node(*rope).inputs[0];
  if (const auto norm = editor.OnlyProducer(value, Op::kHeadNorm)) value = editor.node(*norm).inputs[0];
  return value;
}

/// The nodes of q, k and v for one kv_append; empty when they do not fit together.
std::vector<NodeId> MatchQkv(const BodyEditor& editor, NodeId append) {
  const graph::Node& node = editor.node(append);
  const auto attention = editor.OnlyUserAmong(node.output, Op::kAttention);
  if (!attention) return {};
  std::vector<NodeId> nodes;
  std::optional<ValueId> input;
  for (const ValueId value : {editor.node(*attention).inputs[0], node.inputs[1], node.inputs[2]}) {
    const auto match = MatchProjection(editor, BeforeRope(editor, value));
    if (!match || (input && *input != match->input)) return {};
    input = match->input;
    nodes = Together(std::move(nodes), match->nodes);
  }
  return nodes;
}

}  // namespace

Result<bool> FuseQkv(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != Op::kKvAppend) continue;
      const std::vector<NodeId> nodes = MatchQkv(editor, NodeId{static_cast<std::int32_t>(i)});
      if (!nodes.empty()) changed |= editor.Join(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
