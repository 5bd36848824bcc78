// Groups attention with the quantisation of its result for the output projection.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

/// Quantisation sees whole groups among the columns of one KV head.
bool HasWholeGroups(const graph::Attributes& attention, tensor::DType rows) {
  const auto type = tensor::ActivationOf(rows);
  if (!type || *type == tensor::ActivationType::kU8Token) return false;
  const int group = tensor::Row(*type).group;
  return group == 0 || attention.heads / attention.kv_heads * attention.head_dim % group == 0;
}

}  // namespace

Result<bool> FuseAttnQuant(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const graph::Node& node = body.nodes[i];
      if (node.op != Op::kAttention) continue;
      const auto quantize = editor.OnlyUser(node.output, Op::kQuantize);
      if (!quantize) continue;
      if (!HasWholeGroups(node.attributes, editor.type(editor.node(*quantize).output).dtype)) continue;
      changed |= editor.Join({NodeId{static_cast<std::int32_t>(i)}, *quantize});
    }
  }
  return changed;
}

}  // namespace vivace::compiler
