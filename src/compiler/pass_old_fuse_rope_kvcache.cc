// Adds rotation and the write to the KV cache to the group that fuse_qkv made: they become its epilogue.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

int GroupOf(const graph::Body& body, ValueId id) {
  const graph::Value& value = body.value(id);
  return value.kind == graph::ValueKind::kNode ? body.node(value.node).group : -1;
}

}  // namespace

Result<bool> OldFuseRopeKvCache(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const graph::Node& node = body.nodes[i];
      if (node.group >= 0) continue;
      const NodeId id{static_cast<std::int32_t>(i)};
      if (node.op == Op::kRope) {
        const int group = GroupOf(body, node.inputs[0]);
        if (group >= 0) changed |= editor.Group({id}, group);
      } else if (node.op == Op::kKvAppend) {
        const int group = GroupOf(body, node.inputs[1]);
        if (group >= 0 && group == GroupOf(body, node.inputs[2])) changed |= editor.Group({id}, group);
      }
    }
  }
  return changed;
}

}  // namespace vivace::compiler
