// Groups attention with the quantisation of its result for the output projection.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "kernels/paged_attention.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

/// Whether the attention kernel writes these rows.
bool CanWrite(const graph::Attributes& attention, tensor::DType rows, const PassContext& context) {
  kernels::PagedAttentionSpec spec{};
  spec.heads = attention.heads;
  spec.kv.kv_heads = attention.kv_heads;
  spec.kv.head_dim = attention.head_dim;
  spec.kv.type = context.kv_type;
  spec.kv.layers = spec.kv.blocks = 1;
  spec.scale = attention.scale;
  spec.rows = tensor::ActivationOf(rows);
  spec.window = attention.window;
  spec.softcap = attention.softcap;
  return kernels::CheckPagedAttention(spec).ok();
}

}  // namespace

Result<bool> FuseAttnQuant(graph::Graph& graph, const PassContext& context) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const graph::Node& node = body.nodes[i];
      if (node.op != Op::kAttention) continue;
      const auto quantize = editor.OnlyUser(node.output, Op::kQuantize);
      if (!quantize) continue;
      if (!CanWrite(node.attributes, editor.type(editor.node(*quantize).output).dtype, context)) continue;
      changed |= editor.Join({NodeId{static_cast<std::int32_t>(i)}, *quantize});
    }
  }
  return changed;
}

}  // namespace vivace::compiler
