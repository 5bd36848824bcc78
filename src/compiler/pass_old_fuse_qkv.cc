// Groups the linear layers that make q, k and v of one attention, with the norm's scale: one contraction over
// the rows that they share.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

ValueId BeforeRope(const BodyEditor& editor, ValueId value) {
  const auto rope = editor.Producer(value, Op::kRope);
  return rope ? editor.node(*rope).inputs[0] : value;
}

/// The nodes of q, k and v for one kv_append; empty when they do not fit together.
std::vector<NodeId> MatchQkv(const BodyEditor& editor, NodeId append) {
  const graph::Node& node = editor.node(append);
  const auto attention = [&]() -> std::optional<NodeId> {
    for (const NodeId user : editor.Users(node.output)) {
      if (editor.node(user).op == Op::kAttention) return user;
    }
    return std::nullopt;
  }();
  if (!attention) return {};
  const ValueId values[] = {editor.node(*attention).inputs[0], node.inputs[1], node.inputs[2]};
  std::vector<NodeId> nodes;
  std::optional<ValueId> input;
  for (const ValueId value : values) {
    const auto match = MatchScaledLinear(editor, BeforeRope(editor, value));
    if (!match || (input && *input != match->input)) return {};
    input = match->input;
    nodes.insert(nodes.end(), match->nodes.begin(), match->nodes.end());
  }
  return NoneGrouped(editor, nodes) ? nodes : std::vector<NodeId>{};
}

}  // namespace

Result<bool> OldFuseQkv(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != Op::kKvAppend) continue;
      const std::vector<NodeId> nodes = MatchQkv(editor, NodeId{static_cast<std::int32_t>(i)});
      if (!nodes.empty()) changed |= editor.Group(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
