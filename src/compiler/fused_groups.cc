// The form of each fused phase kind: what a group of nodes must be, and the phase that computes it.

#include "base/status_macros.h"
#include "compiler/fused_body.h"
#include "kernels/paged_attention.h"
#include "kernels/panel.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;
using graph::ValueId;
using program::BufferId;
using program::PhaseKind;

Status FusedBody::CheckExactly(const Group& group, std::vector<NodeId> expected) const {
  const std::set<NodeId> have(group.begin(), group.end()), want(expected.begin(), expected.end());
  for (const NodeId id : want) {
    if (have.count(id) == 0) return Fail(id, "should belong to the phase of its neighbours");
  }
  for (const NodeId id : have) {
    if (want.count(id) == 0) return Fail(id, "does not belong to a phase of this kind");
  }
  return Status::Ok();
}

std::optional<ValueId> FusedBody::NormAfter(ValueId x) const {
  if (const auto rows = MatchWeightedQuantize(editor_, x)) return rows->weight;
  for (const NodeId user : editor_.Users(x)) {
    if (body_.node(user).op == Op::kRmsNorm) return body_.node(user).inputs[1];
  }
  return std::nullopt;
}

Status FusedBody::PanelEmbed(const Group& group, NodeId embed) {
  const graph::Node& node = body_.node(embed);
  const auto rows = MatchWeightedQuantize(editor_, node.output);
  if (!rows) return Fail(embed, "is not followed by quantisation");
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, {embed, rows->mul, rows->quantize}));
  program::Phase phase = Start(PhaseKind::kPanelEmbed, "embed", group);
  VIVACE_ASSIGN_OR_RETURN(const program::SlotId panel, nodes_.slots().AddPanel(body_, "", {node.inputs[1]}));
  phase.weights = {panel, nodes_.slots().AddPlain(body_, rows->weight)};
  nodes_.slots().SetShape(panel, phase);
  VIVACE_RETURN_IF_ERROR(WriteResidual(phase, group, node.output, body_.node(rows->quantize).output));
  Finish(std::move(phase));
  return Status::Ok();
}

Status FusedBody::Qkv(const Group& group, NodeId append) {
  std::vector<NodeId> nodes{append};
  const std::vector<ValueId>& operands = body_.node(append).inputs;
  std::optional<NodeId> q_rope;
  for (const NodeId id : group) {
    if (body_.node(id).op == Op::kRope && body_.node(id).output != operands[1]) q_rope = id;
  }
  const auto k_rope = editor_.Producer(operands[1], Op::kRope);
  if (!q_rope || !k_rope) return Fail(append, "needs rotated keys and queries in its phase");
  nodes.insert(nodes.end(), {*q_rope, *k_rope});
  std::vector<ValueId> weights;
  std::optional<ScaledLinear> first;
  for (const ValueId value : {body_.node(*q_rope).inputs[0], body_.node(*k_rope).inputs[0], operands[2]}) {
    const auto match = MatchScaledLinear(editor_, value);
    if (!match || !match->scale) return Fail(append, "needs scaled projections in its phase");
    if (!first) first = match;
    if (match->input != first->input || match->scale != first->scale) {
      return Fail(append, "its projections take different rows");
    }
    nodes.insert(nodes.end(), match->nodes.begin(), match->nodes.end());
    weights.push_back(match->weight);
  }
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, nodes));
  const graph::Attributes& rope = body_.node(*q_rope).attributes;
  const graph::Attributes& k_attributes = body_.node(*k_rope).attributes;
  if (rope.half != 0 || k_attributes.half != 0) {
    return Fail(*q_rope, "panels take only pairs (2i, 2i + 1)");
  }
  if (rope.theta != k_attributes.theta || rope.scaling != k_attributes.scaling) {
    return Fail(*q_rope, "queries and keys are rotated differently");
  }
  if (rope.head_dim % tensor::PanelLayout::kUnitColumns != 0) {
    return Fail(*q_rope, "panels take only heads of a multiple of 32, not " + std::to_string(rope.head_dim));
  }
  program::Phase phase = Start(PhaseKind::kQkv, "qkv", group);
  phase.heads = rope.heads;
  phase.head_dim = rope.head_dim;
  phase.rope = frame_.RopeOf(rope);
  phase.eps = body_.node(*first->scale).attributes.eps;
  VIVACE_ASSIGN_OR_RETURN(const BufferId rows, Read(append, first->input));
  VIVACE_ASSIGN_OR_RETURN(const BufferId squares, ReadSquares(*first->scale));
  phase.reads = {rows, squares};
  VIVACE_ASSIGN_OR_RETURN(const program::SlotId panel,
                          nodes_.slots().AddPanel(body_, "qkv", weights, tensor::ColumnOrder::kRopePairs));
  const int kv_heads = body_.node(*k_rope).attributes.heads;
  nodes_.slots().SetRope(panel, (rope.heads + kv_heads) * rope.head_dim, rope.head_dim);
  nodes_.slots().SetShape(panel, phase);
  phase.weights = {panel};
  phase.writes = {nodes_.PutInScratch(body_.node(*q_rope).output)};
  Finish(std::move(phase));
  return Status::Ok();
}

Status FusedBody::PagedAttention(const Group& group, NodeId attention) {
  const graph::Node& node = body_.node(attention);
  const auto quantize = editor_.OnlyUser(node.output, Op::kQuantize);
  if (!quantize) return Fail(attention, "is not followed by quantisation");
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, {attention, *quantize}));
  program::Phase phase = Start(PhaseKind::kPagedAttention, "attention", group);
  phase.heads = node.attributes.heads;
  phase.head_dim = node.attributes.head_dim;
  phase.scale = node.attributes.scale;
  phase.window = node.attributes.window;
  phase.softcap = node.attributes.softcap;
  VIVACE_ASSIGN_OR_RETURN(const BufferId q, Read(attention, node.inputs[0]));
  phase.reads = {q};
  phase.writes = {nodes_.PutInScratch(body_.node(*quantize).output)};
  Finish(std::move(phase));
  return Status::Ok();
}

Status FusedBody::ProjectResidual(const Group& group, NodeId add) {
  const graph::Node& node = body_.node(add);
  const auto rows = MatchWeightedQuantize(editor_, node.output);
  const auto linear = editor_.Producer(node.inputs[1], Op::kLinear);
  const auto norm = NormAfter(node.output);
  if (!norm || !linear) return Fail(add, "is not a projection's sum followed by a norm");
  std::vector<NodeId> nodes{*linear, add};
  if (rows) nodes.insert(nodes.end(), {rows->mul, rows->quantize});
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, nodes));
  VIVACE_ASSIGN_OR_RETURN(const BufferId input, Read(*linear, body_.node(*linear).inputs[0]));
  VIVACE_ASSIGN_OR_RETURN(const BufferId x, Read(add, node.inputs[0]));
  const auto after = static_cast<std::size_t>(group.back().value) + 1;
  if (x != frame_.Carried("x", BytesPerRow(body_.value(node.output).type)) ||
      nodes_.IsUsedFrom(node.inputs[0], after)) {
    return Fail(add, "cannot update the residual stream in place");
  }
  const ValueId weight = body_.node(*linear).inputs[1];
  program::Phase phase = Start(PhaseKind::kProjectResidual, body_.value(weight).name, group);
  VIVACE_ASSIGN_OR_RETURN(const program::SlotId panel, nodes_.slots().AddPanel(body_, "", {weight}));
  phase.weights = {panel, nodes_.slots().AddPlain(body_, *norm)};
  nodes_.slots().SetShape(panel, phase);
  phase.reads = {input, x};
  const auto output = rows ? std::optional<ValueId>(body_.node(rows->quantize).output) : std::nullopt;
  VIVACE_RETURN_IF_ERROR(WriteResidual(phase, group, node.output, output));
  if (phase.writes[2] == input) return Fail(add, "would overwrite the rows that it reads");
  Finish(std::move(phase));
  return Status::Ok();
}

Status FusedBody::GateUp(const Group& group, NodeId act) {
  const graph::Node& node = body_.node(act);
  const auto quantize = editor_.OnlyUser(node.output, Op::kQuantize);
  const auto gate = MatchScaledLinear(editor_, node.inputs[0]);
  const auto up = MatchScaledLinear(editor_, node.inputs[1]);
  if (!quantize || !gate || !up || !gate->scale || gate->scale != up->scale || gate->input != up->input) {
    return Fail(act, "is not two projections of the same rows followed by quantisation");
  }
  std::vector<NodeId> nodes{act, *quantize};
  nodes.insert(nodes.end(), gate->nodes.begin(), gate->nodes.end());
  nodes.insert(nodes.end(), up->nodes.begin(), up->nodes.end());
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, nodes));
  program::Phase phase = Start(PhaseKind::kGateUp, "gate_up", group);
  phase.eps = body_.node(*gate->scale).attributes.eps;
  VIVACE_ASSIGN_OR_RETURN(const BufferId rows, Read(act, gate->input));
  VIVACE_ASSIGN_OR_RETURN(const BufferId squares, ReadSquares(*gate->scale));
  phase.reads = {rows, squares};
  VIVACE_ASSIGN_OR_RETURN(const program::SlotId panel,
                          nodes_.slots().AddPanel(body_, "gate_up", {gate->weight, up->weight},
                                                  tensor::ColumnOrder::kGateUpPairs));
  phase.weights = {panel};
  nodes_.slots().SetShape(panel, phase);
  phase.writes = {nodes_.PutInScratch(body_.node(*quantize).output)};
  Finish(std::move(phase));
  return Status::Ok();
}

Status FusedBody::Logits(const Group& group, NodeId linear) {
  const graph::Node& node = body_.node(linear);
  const auto scaled = editor_.OnlyUser(node.output, Op::kScaleRows);
  const auto gather = editor_.Producer(node.inputs[0], Op::kGatherRows);
  const auto match = scaled ? MatchScaledLinear(editor_, body_.node(*scaled).output) : std::nullopt;
  if (!gather || !match || !match->scale) return Fail(linear, "belongs to no complete fused phase");
  std::vector<NodeId> nodes = match->nodes;
  nodes.push_back(*gather);
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, nodes));
  program::Phase phase = Start(PhaseKind::kLogits, "logits", group);
  phase.logit_rows = true;
  phase.eps = body_.node(*match->scale).attributes.eps;
  VIVACE_ASSIGN_OR_RETURN(const BufferId rows, Read(*gather, body_.node(*gather).inputs[0]));
  VIVACE_ASSIGN_OR_RETURN(const BufferId squares, ReadSquares(*match->scale));
  phase.reads = {rows, squares};
  VIVACE_ASSIGN_OR_RETURN(const program::SlotId panel, nodes_.slots().AddPanel(body_, "", {match->weight}));
  phase.weights = {panel};
  nodes_.slots().SetShape(panel, phase);
  const ValueId logits = body_.node(*scaled).output;
  frame_.program().logits = frame_.Carried("logits", BytesPerRow(body_.value(logits).type), true);
  nodes_.Put(logits, frame_.program().logits);
  phase.writes = {frame_.program().logits};
  Finish(std::move(phase));
  return Status::Ok();
}

}  // namespace vivace::compiler
