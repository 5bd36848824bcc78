// Rotation and the write to the KV cache: the epilogue of the phase that makes q, k and v where one does,
// else one phase that reads all three.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

struct Rotation {
  std::optional<NodeId> rope;
  ValueId input;  // of the rotation, or the value itself where there is none
};

Rotation MatchRotation(const BodyEditor& editor, ValueId value) {
  const auto rope = editor.OnlyProducer(value, Op::kRope);
  return {rope, rope ? editor.node(*rope).inputs[0] : value};
}

/// The group that makes a value before or after its rotation; -1: none.
int GroupOf(const BodyEditor& editor, const Rotation& rotation) {
  const int own = rotation.rope ? editor.node(*rotation.rope).group : -1;
  return own >= 0 ? own : editor.GroupOf(rotation.input);
}

bool HasLinear(const BodyEditor& editor, int group) {
  for (const NodeId id : editor.Members(group)) {
    if (editor.node(id).op == Op::kLinear) return true;
  }
  return false;
}

bool Fuse(BodyEditor& editor, NodeId append) {
  const graph::Node& node = editor.node(append);
  const auto attention = editor.OnlyUserAmong(node.output, Op::kAttention);
  if (!attention || !HasTiledHeads(editor.node(*attention).attributes.head_dim)) return false;
  const Rotation q = MatchRotation(editor, editor.node(*attention).inputs[0]);
  const Rotation k = MatchRotation(editor, node.inputs[1]);
  std::vector<NodeId> nodes{append};
  for (const Rotation& rotation : {q, k}) {
    if (rotation.rope) nodes.push_back(*rotation.rope);
  }
  const int group = GroupOf(editor, k);
  if (group >= 0 && group == GroupOf(editor, q) && group == editor.GroupOf(node.inputs[2])) {
    return editor.Join(Together(std::move(nodes), editor.Members(group)));
  }
  // A phase of f32 rows: neither a linear layer nor values of another phase's own.
  for (const NodeId id : nodes) {
    if (editor.node(id).group >= 0 && HasLinear(editor, editor.node(id).group)) return false;
  }
  return nodes.size() > 1 && editor.Join(nodes);
}

}  // namespace

Result<bool> FuseRopeKvCache(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op == Op::kKvAppend) changed |= Fuse(editor, NodeId{static_cast<std::int32_t>(i)});
    }
  }
  return changed;
}

}  // namespace vivace::compiler
