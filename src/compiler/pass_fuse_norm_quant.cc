// Norms with the quantisation that follows. Three steps: the norm's scale is deferred to the result of the
// linear layers (pass_fuse_norm_quant_defer.cc), the weighting and quantisation at the head of a layer move
// to the end of the layer before (pass_fuse_norm_quant_carry.cc), and what belongs to one row of x becomes
// one phase: the norm that follows a block, the residual add, the sum of squares, the weight, and
// quantisation.

#include "compiler/pass_fuse_norm_quant.h"

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

/// The sum of squares is taken where the value is made.
bool GroupScale(BodyEditor& editor, NodeId rms_scale) {
  const auto producer = editor.Producer(editor.node(rms_scale).inputs[0]);
  if (!producer) return false;
  const graph::Node& node = editor.node(*producer);
  const bool is_tile =
      node.op == Op::kAdd || node.op == Op::kScale || node.op == Op::kAddBias || node.op == Op::kEmbed ||
      (node.op == Op::kLinear && tensor::ActivationOf(editor.type(node.inputs[0]).dtype).has_value());
  return is_tile && editor.Join({*producer, rms_scale});
}

/// The deferred scale, with the linear layer that it belongs to and the selection of both their rows.
bool GroupScaledLinear(BodyEditor& editor, NodeId scale_rows) {
  const graph::Node& node = editor.node(scale_rows);
  const auto linear = editor.OnlyProducer(node.inputs[0], Op::kLinear);
  if (!linear || !tensor::ActivationOf(editor.type(editor.node(*linear).inputs[0]).dtype)) return false;
  std::vector<NodeId> nodes{*linear, scale_rows};
  for (const ValueId rows : {editor.node(*linear).inputs[0], node.inputs[1]}) {
    if (const auto gather = editor.OnlyProducer(rows, Op::kGatherRows)) nodes.push_back(*gather);
  }
  return editor.Join(nodes);
}

/// The weight of a norm with what comes before it (the scale, or the residual add when that was deferred) and
/// after it (quantisation, or the residual add where norms follow the block).
bool GroupWeight(BodyEditor& editor, NodeId mul) {
  const graph::Node& node = editor.node(mul);
  if (!editor.IsWeight(node.inputs[1])) return false;
  bool changed = false;
  const std::vector<NodeId> rows = MatchQuantize(editor, node.output);
  if (!rows.empty()) changed |= editor.Join(Together(rows, {mul}));
  const auto add_before = editor.Producer(node.inputs[0], Op::kAdd);
  if (add_before && !rows.empty()) changed |= editor.Join({*add_before, mul});
  const auto scale = editor.OnlyProducer(node.inputs[0], Op::kScaleRows);
  if (scale) changed |= editor.Join({*scale, mul});
  const auto add_after = editor.OnlyUser(node.output, Op::kAdd);
  if (scale && add_after && editor.node(*add_after).inputs[1] == node.output) {
    changed |= editor.Join({mul, *add_after});
  }
  return changed;
}

}  // namespace

Result<bool> FuseNormQuant(graph::Graph& graph, const PassContext&) {
  bool changed = DeferNorms(graph);
  changed |= CarryNorms(graph);
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const NodeId id{static_cast<std::int32_t>(i)};
      if (body.nodes[i].op == Op::kRmsScale) changed |= GroupScale(editor, id);
      if (body.nodes[i].op == Op::kScaleRows) changed |= GroupScaledLinear(editor, id);
      if (body.nodes[i].op == Op::kMul) changed |= GroupWeight(editor, id);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
