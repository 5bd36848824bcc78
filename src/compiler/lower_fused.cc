// -O2: one phase per group of the graph. A group must have exactly the form of its phase kind; what does not
// fit is refused by name, and the caller falls back to -O0.
//
// Buffers that live across bodies: x (the residual stream, updated in place), squares (its partial sums of
// squares) and x8 (its quantised rows). rms_scale of x becomes a read of squares.

#include <map>
#include <set>

#include "base/status_macros.h"
#include "compiler/body_editor.h"
#include "compiler/lowering.h"
#include "compiler/packed_slots.h"
#include "compiler/patterns.h"
#include "compiler/program_frame.h"
#include "kernels/paged_attention.h"
#include "kernels/panel.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;
using program::BufferId;
using program::PhaseKind;

class FusedBody {
 public:
  /// `body` is only read; BodyEditor's questions need it mutable.
  FusedBody(graph::Body& body, ProgramFrame& frame)
      : body_(body), editor_(body), frame_(frame), last_use_(LastUses(body)) {}
  Status Run();

  program::Body out;
  PackedSlots slots;

 private:
  Status PlaceInputs();
  Status CollectGroups();
  Status LowerGroup(const std::vector<NodeId>& group);
  Status PanelEmbed(const std::vector<NodeId>& group, NodeId embed);
  Status Qkv(const std::vector<NodeId>& group, NodeId append);
  Status PagedAttention(const std::vector<NodeId>& group, NodeId attention);
  Status ProjectResidual(const std::vector<NodeId>& group, NodeId add);
  Status GateUp(const std::vector<NodeId>& group, NodeId act);
  Status Logits(const std::vector<NodeId>& group, NodeId linear);

  Status Fail(NodeId id, const std::string& what) const {
    const graph::Node& node = body_.node(id);
    return Unsupported("body '" + body_.name + "', %" + body_.value(node.output).name + " (" +
                       std::string(graph::Name(node.op)) + "): " + what);
  }
  Status CheckExactly(const std::vector<NodeId>& group, std::vector<NodeId> expected) const;
  Result<BufferId> Read(NodeId user, ValueId value) const;
  Result<BufferId> ReadSquares(NodeId scale) const;
  program::Phase Start(PhaseKind kind, const std::string& label, const std::vector<NodeId>& group) const;
  void WriteResidual(program::Phase& phase, ValueId x, ValueId rows);
  BufferId WriteScratch(ValueId value);
  void Finish(program::Phase phase, const std::vector<NodeId>& group);
  /// Scale of a ScaledLinear, which must be there.
  Result<NodeId> ScaleOf(const ScaledLinear& match, NodeId user) const {
    if (!match.scale) return Fail(user, "has no norm scale");
    return *match.scale;
  }

  graph::Body& body_;
  BodyEditor editor_;
  ProgramFrame& frame_;
  std::vector<int> last_use_;
  std::vector<std::vector<NodeId>> groups_;  // in the order of their last nodes
  std::map<int, BufferId> places_;           // by value
  std::optional<ValueId> residual_;          // the value that x, squares and x8 hold now
};

Status FusedBody::PlaceInputs() {
  for (const ValueId id : CarriedInputs(body_)) {
    const graph::Type& type = body_.value(id).type;
    const bool rows8 = type.dtype == tensor::DType::kU8Group32;
    if (!rows8 && residual_) return Unsupported("body '" + body_.name + "' takes two residual streams");
    if (!rows8) residual_ = id;
    places_[id.value] = frame_.Carried(rows8 ? "x8" : "x", BytesPerRow(type));
  }
  return Status::Ok();
}

Status FusedBody::CollectGroups() {
  std::map<int, std::vector<NodeId>> by_group;
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) {
    const NodeId id{static_cast<std::int32_t>(i)};
    const graph::Node& node = body_.nodes[i];
    if (node.group < 0) return Fail(id, "no fused phase computes it alone");
    by_group[node.group].push_back(id);
  }
  std::map<int, int> by_last;
  for (const auto& [group, nodes] : by_group) by_last[nodes.back().value] = group;
  for (const auto& [last, group] : by_last) groups_.push_back(by_group[group]);
  return Status::Ok();
}

Status FusedBody::Run() {
  out.name = body_.name;
  frame_.ReleaseAll();
  VIVACE_RETURN_IF_ERROR(PlaceInputs());
  VIVACE_RETURN_IF_ERROR(CollectGroups());
  for (const std::vector<NodeId>& group : groups_) VIVACE_RETURN_IF_ERROR(LowerGroup(group));
  for (const ValueId output : CarriedOutputs(body_)) {
    if (places_.count(output.value) == 0)
      return Unsupported("body '" + body_.name + "' has an unplaced output");
  }
  out.slots = slots.Names();
  return Status::Ok();
}

Status FusedBody::LowerGroup(const std::vector<NodeId>& group) {
  // The op that decides what a group is; the first one found in this order.
  constexpr Op kDeciding[] = {Op::kKvAppend, Op::kAttention, Op::kSiluMul, Op::kEmbed, Op::kAdd, Op::kLinear};
  for (const Op op : kDeciding) {
    for (const NodeId id : group) {
      if (body_.node(id).op != op) continue;
      if (op == Op::kKvAppend) return Qkv(group, id);
      if (op == Op::kAttention) return PagedAttention(group, id);
      if (op == Op::kSiluMul) return GateUp(group, id);
      if (op == Op::kEmbed) return PanelEmbed(group, id);
      if (op == Op::kAdd) return ProjectResidual(group, id);
      return Logits(group, id);
    }
  }
  return Fail(group[0], "no fused phase has a group of this form");
}

Status FusedBody::CheckExactly(const std::vector<NodeId>& group, std::vector<NodeId> expected) const {
  const std::set<NodeId> have(group.begin(), group.end()), want(expected.begin(), expected.end());
  for (const NodeId id : want) {
    if (have.count(id) == 0) return Fail(id, "should belong to the phase of its neighbours");
  }
  for (const NodeId id : have) {
    if (want.count(id) == 0) return Fail(id, "does not belong to a phase of this kind");
  }
  return Status::Ok();
}

Result<BufferId> FusedBody::Read(NodeId user, ValueId value) const {
  const auto found = places_.find(value.value);
  if (found != places_.end()) return found->second;
  return Fail(user, "%" + body_.value(value).name + " is in no buffer when it is needed");
}

Result<BufferId> FusedBody::ReadSquares(NodeId scale) const {
  if (residual_ != body_.node(scale).inputs[0])
    return Fail(scale, "scales by something else than the residual stream");
  return frame_.Carried("squares", 4 * kernels::SquareStride(frame_.program().hidden));
}

program::Phase FusedBody::Start(PhaseKind kind, const std::string& label,
                                const std::vector<NodeId>& group) const {
  program::Phase phase{};
  phase.kind = kind;
  phase.label = label;
  for (const NodeId id : group) phase.fused.push_back(body_.value(body_.node(id).output).name);
  return phase;
}

/// x, squares and x8, in the order of the kinds that write them.
void FusedBody::WriteResidual(program::Phase& phase, ValueId x, ValueId rows) {
  const BufferId x_buffer = frame_.Carried("x", BytesPerRow(body_.value(x).type));
  const BufferId squares = frame_.Carried("squares", 4 * kernels::SquareStride(frame_.program().hidden));
  const BufferId x8 = frame_.Carried("x8", BytesPerRow(body_.value(rows).type));
  phase.writes = {x_buffer, squares, x8};
  std::erase_if(places_, [&](const auto& place) { return place.second == x_buffer || place.second == x8; });
  places_[x.value] = x_buffer;
  places_[rows.value] = x8;
  residual_ = x;
}

BufferId FusedBody::WriteScratch(ValueId value) {
  return places_[value.value] = frame_.TakeScratch(BytesPerRow(body_.value(value).type), false);
}

void FusedBody::Finish(program::Phase phase, const std::vector<NodeId>& group) {
  const int last = group.back().value;
  std::erase_if(places_, [&](const auto& place) {
    const bool dead = last_use_[static_cast<std::size_t>(place.first)] <= last;
    if (dead) frame_.Release(place.second);
    return dead;
  });
  program::SetSpec(frame_.program(), phase);
  out.phases.push_back(std::move(phase));
}

Status FusedBody::PanelEmbed(const std::vector<NodeId>& group, NodeId embed) {
  const graph::Node& node = body_.node(embed);
  const auto rows = MatchWeightedQuantize(editor_, node.output);
  if (!rows) return Fail(embed, "is not followed by quantisation");
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, {embed, rows->mul, rows->quantize}));
  program::Phase phase = Start(PhaseKind::kPanelEmbed, "embed", group);
  VIVACE_ASSIGN_OR_RETURN(const program::SlotId panel, slots.AddPanel(body_, "", {node.inputs[1]}));
  phase.weights = {panel, slots.AddPlain(body_, rows->weight)};
  slots.SetShape(panel, phase);
  WriteResidual(phase, node.output, body_.node(rows->quantize).output);
  Finish(std::move(phase), group);
  return Status::Ok();
}

Status FusedBody::Qkv(const std::vector<NodeId>& group, NodeId append) {
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
                          slots.AddPanel(body_, "qkv", weights, tensor::ColumnOrder::kRopePairs));
  const int kv_heads = body_.node(*k_rope).attributes.heads;
  slots.SetRope(panel, (rope.heads + kv_heads) * rope.head_dim, rope.head_dim);
  slots.SetShape(panel, phase);
  phase.weights = {panel};
  phase.writes = {WriteScratch(body_.node(*q_rope).output)};
  Finish(std::move(phase), group);
  return Status::Ok();
}

Status FusedBody::PagedAttention(const std::vector<NodeId>& group, NodeId attention) {
  const graph::Node& node = body_.node(attention);
  const auto quantize = editor_.OnlyUser(node.output, Op::kQuantize);
  if (!quantize) return Fail(attention, "is not followed by quantisation");
  if (node.attributes.window != 0 || node.attributes.softcap != 0) {
    return Fail(attention, "the fused kernel has no window and no soft-cap");
  }
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, {attention, *quantize}));
  program::Phase phase = Start(PhaseKind::kPagedAttention, "attention", group);
  phase.heads = node.attributes.heads;
  phase.head_dim = node.attributes.head_dim;
  phase.scale = node.attributes.scale;
  VIVACE_ASSIGN_OR_RETURN(const BufferId q, Read(attention, node.inputs[0]));
  phase.reads = {q};
  phase.writes = {WriteScratch(body_.node(*quantize).output)};
  Finish(std::move(phase), group);
  return Status::Ok();
}

Status FusedBody::ProjectResidual(const std::vector<NodeId>& group, NodeId add) {
  const graph::Node& node = body_.node(add);
  const auto rows = MatchWeightedQuantize(editor_, node.output);
  const auto linear = editor_.Producer(node.inputs[1], Op::kLinear);
  if (!rows || !linear) return Fail(add, "is not a projection's sum followed by quantisation");
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, {*linear, add, rows->mul, rows->quantize}));
  if (residual_ != node.inputs[0] ||
      last_use_[static_cast<std::size_t>(node.inputs[0].value)] > group.back().value) {
    return Fail(add, "cannot update the residual stream in place");
  }
  VIVACE_ASSIGN_OR_RETURN(const BufferId input, Read(*linear, body_.node(*linear).inputs[0]));
  VIVACE_ASSIGN_OR_RETURN(const BufferId x, Read(add, node.inputs[0]));
  const ValueId weight = body_.node(*linear).inputs[1];
  program::Phase phase = Start(PhaseKind::kProjectResidual, body_.value(weight).name, group);
  VIVACE_ASSIGN_OR_RETURN(const program::SlotId panel, slots.AddPanel(body_, "", {weight}));
  phase.weights = {panel, slots.AddPlain(body_, rows->weight)};
  slots.SetShape(panel, phase);
  phase.reads = {input, x};
  WriteResidual(phase, node.output, body_.node(rows->quantize).output);
  if (phase.writes[2] == input) return Fail(add, "would overwrite the rows that it reads");
  Finish(std::move(phase), group);
  return Status::Ok();
}

Status FusedBody::GateUp(const std::vector<NodeId>& group, NodeId act) {
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
  VIVACE_ASSIGN_OR_RETURN(
      const program::SlotId panel,
      slots.AddPanel(body_, "gate_up", {gate->weight, up->weight}, tensor::ColumnOrder::kGateUpPairs));
  phase.weights = {panel};
  slots.SetShape(panel, phase);
  phase.writes = {WriteScratch(body_.node(*quantize).output)};
  Finish(std::move(phase), group);
  return Status::Ok();
}

Status FusedBody::Logits(const std::vector<NodeId>& group, NodeId linear) {
  const graph::Node& node = body_.node(linear);
  const auto scaled = editor_.OnlyUser(node.output, Op::kScaleRows);
  const auto gather = editor_.Producer(node.inputs[0], Op::kGatherRows);
  const auto match = scaled ? MatchScaledLinear(editor_, body_.node(*scaled).output) : std::nullopt;
  if (!gather || !match || !match->scale) return Fail(linear, "is not an output projection of selected rows");
  std::vector<NodeId> nodes = match->nodes;
  nodes.push_back(*gather);
  VIVACE_RETURN_IF_ERROR(CheckExactly(group, nodes));
  program::Phase phase = Start(PhaseKind::kLogits, "logits", group);
  phase.logit_rows = true;
  phase.eps = body_.node(*match->scale).attributes.eps;
  VIVACE_ASSIGN_OR_RETURN(const BufferId rows, Read(*gather, body_.node(*gather).inputs[0]));
  VIVACE_ASSIGN_OR_RETURN(const BufferId squares, ReadSquares(*match->scale));
  phase.reads = {rows, squares};
  VIVACE_ASSIGN_OR_RETURN(const program::SlotId panel, slots.AddPanel(body_, "", {match->weight}));
  phase.weights = {panel};
  slots.SetShape(panel, phase);
  const ValueId logits = body_.node(*scaled).output;
  frame_.program().logits = frame_.Carried("logits", BytesPerRow(body_.value(logits).type), true);
  places_[logits.value] = frame_.program().logits;
  phase.writes = {frame_.program().logits};
  Finish(std::move(phase), group);
  return Status::Ok();
}

/// The first weight that panels do not take: a better reason than the group that it kept a pass from making.
Status CheckWeights(const graph::Graph& graph) {
  for (const graph::Body& body : graph.bodies) {
    for (const graph::Node& node : body.nodes) {
      if (node.op == Op::kLinear || node.op == Op::kEmbed) {
        VIVACE_RETURN_IF_ERROR(PackedSlots::CheckWeight(body, node.inputs[1]));
      }
    }
  }
  return Status::Ok();
}

}  // namespace

Result<program::Program> LowerFused(graph::Graph& graph, tensor::DType kv_type) {
  VIVACE_RETURN_IF_ERROR(CheckWeights(graph));
  ProgramFrame frame(graph, 2);
  VIVACE_RETURN_IF_ERROR(frame.ReadFacts(kv_type));
  frame.program().attention_tile_rows = kernels::kAttentionTileRows;
  std::vector<PackedSlots> slots;
  for (graph::Body& body : graph.bodies) {
    FusedBody fused(body, frame);
    VIVACE_RETURN_IF_ERROR(fused.Run());
    frame.AddBody(std::move(fused.out));
    slots.push_back(std::move(fused.slots));
  }
  for (const graph::Layer* layer : LayersInOrder(graph)) {
    const graph::Body& body = graph.body(layer->body);
    bool has_kv = false;
    for (const ValueId id : body.inputs) has_kv |= IsKv(body.value(id).type);
    std::vector<program::WeightId> weights;
    for (program::Weight& weight : slots[static_cast<std::size_t>(layer->body.value)].Bind(*layer)) {
      weights.push_back(frame.AddWeight(std::move(weight)));
    }
    frame.AddLayer(layer->body.value, has_kv, std::move(weights));
  }
  return frame.Take();
}

}  // namespace vivace::compiler
