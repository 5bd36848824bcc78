// -O2: fused phases where they fit, portable ones elsewhere; see fused_body.h. A linear layer on quantised
// rows that fits no phase is named in `rejected`: the compiler runs the passes again and leaves its rows in
// float32.

#include <algorithm>

#include "base/status_macros.h"
#include "compiler/fused_body.h"
#include "compiler/lowering.h"
#include "kernels/paged_attention.h"
#include "kernels/panel.h"
#include "kernels/portable.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;
using graph::ValueId;
using program::BufferId;
using program::PhaseKind;

FusedBody::FusedBody(graph::Body& body, ProgramFrame& frame, const std::set<std::string>& plain_weights)
    : body_(body),
      editor_(body),
      frame_(frame),
      groups_(CollectGroups(plain_weights)),
      emit_at_(EmitAt()),
      nodes_(body, frame, emit_at_) {}

/// Groups that no phase takes are left to the portable phases: linear layers on float rows, attention that
/// the kernel does not compute, an embedding that is not packed.
bool FusedBody::HasAPhase(const Group& group, const std::set<std::string>& plain_weights) const {
  return std::all_of(group.begin(), group.end(), [&](NodeId id) {
    const graph::Node& node = body_.node(id);
    if (node.op == Op::kLinear) return editor_.type(node.inputs[0]).dtype == tensor::DType::kU8Group32;
    if (node.op == Op::kAttention) return AttentionFits(id);
    if (node.op != Op::kEmbed) return true;
    return PackedSlots::CheckWeight(body_, node.inputs[1]).ok() &&
           plain_weights.count(body_.value(node.inputs[1]).name) == 0;
  });
}

std::map<int, FusedBody::Group> FusedBody::CollectGroups(const std::set<std::string>& plain_weights) const {
  std::map<int, Group> by_number;
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) {
    const int number = body_.nodes[i].group;
    if (number >= 0) by_number[number].push_back(NodeId{static_cast<std::int32_t>(i)});
  }
  std::map<int, Group> groups;
  for (auto& [number, nodes] : by_number) {
    if (HasAPhase(nodes, plain_weights)) groups[nodes.back().value] = std::move(nodes);
  }
  return groups;
}

std::vector<int> FusedBody::EmitAt() const {
  std::vector<int> at(body_.nodes.size());
  for (std::size_t i = 0; i < at.size(); ++i) at[i] = static_cast<int>(i);
  for (const auto& [last, group] : groups_) {
    for (const NodeId id : group) at[static_cast<std::size_t>(id.value)] = last;
  }
  for (std::size_t i = 0; i < at.size(); ++i) {
    const NodeId id{static_cast<std::int32_t>(i)};
    if (at[i] != id.value || body_.nodes[i].op != Op::kQuantize || groups_.count(id.value) != 0) continue;
    const auto mul = MulBefore(id);
    if (!mul) continue;
    int& at_mul = at[static_cast<std::size_t>(mul->value)];
    if (at_mul == mul->value) at_mul = id.value;
  }
  return at;
}

bool FusedBody::AttentionFits(NodeId attention) const {
  const graph::Attributes& a = body_.node(attention).attributes;
  const kernels::PagedAttentionSpec spec{
      a.heads, frame_.program().kv, a.scale, tensor::ActivationType::kU8Group32, a.window, a.softcap};
  return kernels::CheckPagedAttention(spec).ok();
}

std::optional<NodeId> FusedBody::MulBefore(NodeId quantize) const {
  const auto mul = editor_.Producer(body_.node(quantize).inputs[0], Op::kMul);
  if (!mul || !editor_.IsWeight(body_.node(*mul).inputs[1])) return std::nullopt;
  const bool alone = editor_.OnlyUser(body_.node(*mul).output, Op::kQuantize) == quantize;
  return alone ? mul : std::nullopt;
}

/// Linear layers on quantised rows that no pass has put into a group.
Status FusedBody::RejectLoners() {
  Status first;
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) {
    const NodeId id{static_cast<std::int32_t>(i)};
    const graph::Node& node = body_.nodes[i];
    if (node.op != Op::kLinear || node.group >= 0) continue;
    if (editor_.type(node.inputs[0]).dtype != tensor::DType::kU8Group32) continue;
    const Status why = Fail(id, "no fused phase computes it alone");
    Reject({id}, why);
    if (first.ok()) first = why;
  }
  return first;
}

Status FusedBody::Run() {
  VIVACE_RETURN_IF_ERROR(RejectLoners());
  const std::vector<ValueId> carried = CarriedInputs(body_);
  for (const ValueId id : carried) {
    // Whoever hands quantised rows on has left the squares of the stream beside them.
    if (body_.value(id).type.dtype == tensor::DType::kU8Group32) squares_of_ = carried[0];
  }
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) {
    const int index = static_cast<int>(i);
    if (emit_at_[i] != index) continue;
    const auto group = groups_.find(index);
    if (group != groups_.end()) {
      const Status lowered = LowerGroup(group->second);
      if (lowered.code() == StatusCode::kUnsupported) Reject(group->second, lowered);
      VIVACE_RETURN_IF_ERROR(lowered);
    } else {
      VIVACE_RETURN_IF_ERROR(LowerAlone(NodeId{index}));
    }
    nodes_.ReleaseDead(i);
  }
  return nodes_.CheckOutputs();
}

void FusedBody::Reject(const Group& group, const Status& why) {
  for (const NodeId id : group) {
    const graph::Node& node = body_.node(id);
    if (node.op != Op::kLinear && node.op != Op::kEmbed) continue;
    rejected.push_back({body_.name, body_.value(node.inputs[1]).name, why.message()});
  }
}

Status FusedBody::LowerAlone(NodeId id) {
  const graph::Node& node = body_.node(id);
  if (node.op == Op::kQuantize) return Quantize(id);
  if (node.op == Op::kAttention && AttentionFits(id)) return FloatAttention(id);
  return nodes_.Lower(static_cast<std::size_t>(id.value));
}

/// Quantisation that is nobody's epilogue; with the weight of a norm also the squares that its scale needs.
Status FusedBody::Quantize(NodeId id) {
  const graph::Node& node = body_.node(id);
  auto mul = MulBefore(id);
  if (mul && emit_at_[static_cast<std::size_t>(mul->value)] != id.value) mul.reset();
  const ValueId x = mul ? body_.node(*mul).inputs[0] : node.inputs[0];
  if (editor_.type(x).rows != graph::Rows::kTokens) return Fail(id, "quantises rows of tokens only");
  program::Phase phase =
      Start(mul ? PhaseKind::kNormQuantize : PhaseKind::kQuantizeRows, body_.value(node.output).name, {});
  phase.n = editor_.type(x).width;
  VIVACE_ASSIGN_OR_RETURN(const BufferId input, Read(id, x));
  phase.reads = {input};
  if (mul) {
    phase.weights = {nodes_.slots().AddPlain(body_, body_.node(*mul).inputs[1])};
    phase.writes = {Squares()};
    squares_of_ = x;
  }
  VIVACE_RETURN_IF_ERROR(nodes_.PlaceOutput(static_cast<std::size_t>(id.value)));
  phase.writes.push_back(*nodes_.place(node.output));
  Finish(std::move(phase));
  return Status::Ok();
}

/// Attention whose result is not quantised keeps its kernel.
Status FusedBody::FloatAttention(NodeId id) {
  const graph::Node& node = body_.node(id);
  program::Phase phase = Start(PhaseKind::kPagedAttentionF32, body_.value(node.output).name, {id});
  phase.heads = node.attributes.heads;
  phase.head_dim = node.attributes.head_dim;
  phase.scale = node.attributes.scale;
  phase.window = node.attributes.window;
  phase.softcap = node.attributes.softcap;
  VIVACE_ASSIGN_OR_RETURN(const BufferId q, Read(id, node.inputs[0]));
  phase.reads = {q};
  VIVACE_RETURN_IF_ERROR(nodes_.PlaceOutput(static_cast<std::size_t>(id.value)));
  phase.writes = {*nodes_.place(node.output)};
  Finish(std::move(phase));
  return Status::Ok();
}

Status FusedBody::LowerGroup(const Group& group) {
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

Result<BufferId> FusedBody::Read(NodeId user, ValueId value) const {
  if (const auto place = nodes_.place(value)) return *place;
  return Fail(user, "%" + body_.value(value).name + " is in no buffer when it is needed");
}

BufferId FusedBody::Squares() {
  return frame_.Carried("squares", 4 * kernels::SquareStride(frame_.program().hidden));
}

Result<BufferId> FusedBody::ReadSquares(NodeId scale) {
  if (squares_of_ == body_.node(scale).inputs[0]) return Squares();
  return Fail(scale, "scales by something else than the residual stream");
}

program::Phase FusedBody::Start(PhaseKind kind, const std::string& label, const Group& group) const {
  program::Phase phase{};
  phase.kind = kind;
  phase.label = label;
  for (const NodeId id : group) phase.fused.push_back(body_.value(body_.node(id).output).name);
  return phase;
}

Status FusedBody::WriteResidual(program::Phase& phase, const Group& group, ValueId x,
                                std::optional<ValueId> rows) {
  graph::Type rows_type = body_.value(x).type;
  rows_type.dtype = tensor::DType::kU8Group32;
  const BufferId x_buffer = frame_.Carried("x", BytesPerRow(body_.value(x).type));
  const BufferId x8 = frame_.Carried("x8", BytesPerRow(rows_type));
  const auto after = static_cast<std::size_t>(group.back().value) + 1;
  for (std::size_t i = 0; i < body_.values.size(); ++i) {
    const ValueId id{static_cast<std::int32_t>(i)};
    const auto place = nodes_.place(id);
    if (!place || (*place != x_buffer && *place != x8) || !nodes_.IsUsedFrom(id, after)) continue;
    return Fail(group.back(), "would overwrite %" + body_.value(id).name + ", which is still used");
  }
  phase.writes = {x_buffer, Squares(), x8};
  nodes_.Put(x, x_buffer);
  if (rows) nodes_.Put(*rows, x8);
  squares_of_ = x;
  return Status::Ok();
}

void FusedBody::Finish(program::Phase phase) {
  program::SetSpec(frame_.program(), phase);
  nodes_.Add(std::move(phase));
}

namespace {

/// Sources of the weights that linear layers on float rows read, as the checkpoint has them.
std::set<std::string> PlainSources(const graph::Graph& graph,
                                   const std::vector<const graph::Layer*>& layers) {
  std::set<std::string> sources;
  for (const graph::Layer* layer : layers) {
    const graph::Body& body = graph.body(layer->body);
    for (const graph::Node& node : body.nodes) {
      if (node.op != Op::kLinear || body.value(node.inputs[0]).type.dtype != tensor::DType::kF32) continue;
      for (const graph::Binding& binding : layer->bindings) {
        if (binding.weight == node.inputs[1]) sources.insert(binding.source);
      }
    }
  }
  return sources;
}

/// Names, in one body, of the weights that some layer binds to one of `sources`.
std::set<std::string> NamesOf(const graph::Graph& graph, const std::vector<const graph::Layer*>& layers,
                              graph::BodyId body, const std::set<std::string>& sources) {
  std::set<std::string> names;
  for (const graph::Layer* layer : layers) {
    if (layer->body != body) continue;
    for (const graph::Binding& binding : layer->bindings) {
      if (sources.count(binding.source) != 0) names.insert(graph.body(body).value(binding.weight).name);
    }
  }
  return names;
}

/// Rows of an attention tile: the best for the model's heads. Phases take tiles of any size.
int TileRows(const graph::Graph& graph, const tensor::KvLayout& kv) {
  for (const graph::Body& body : graph.bodies) {
    for (const graph::Node& node : body.nodes) {
      if (node.op == Op::kAttention && kv.kv_heads > 0 && node.attributes.heads >= kv.kv_heads)
        return kernels::AttentionTileRows({node.attributes.heads, kv, 1});
    }
  }
  return 1;
}

}  // namespace

Result<program::Program> LowerFused(graph::Graph& graph, tensor::DType kv_type,
                                    std::vector<RejectedWeight>& rejected) {
  ProgramFrame frame(graph, 2);
  VIVACE_RETURN_IF_ERROR(frame.ReadFacts(kv_type));
  frame.program().attention_tile_rows = TileRows(graph, frame.program().kv);
  const std::vector<graph::Layer*> order = LayersInOrder(graph);
  const std::vector<const graph::Layer*> layers(order.begin(), order.end());
  const std::set<std::string> plain = PlainSources(graph, layers);
  std::vector<PackedSlots> slots;
  Status first_failure;
  for (std::size_t i = 0; i < graph.bodies.size(); ++i) {
    const graph::BodyId id{static_cast<std::int32_t>(i)};
    FusedBody fused(graph.bodies[i], frame, NamesOf(graph, layers, id, plain));
    const Status lowered = fused.Run();
    if (!lowered.ok() && fused.rejected.empty()) return lowered;
    if (!lowered.ok() && first_failure.ok()) first_failure = lowered;
    rejected.insert(rejected.end(), fused.rejected.begin(), fused.rejected.end());
    frame.AddBody(fused.Take());
    slots.push_back(fused.slots());
  }
  VIVACE_RETURN_IF_ERROR(first_failure);
  AddLayers(graph, slots, frame);
  return frame.Take();
}

}  // namespace vivace::compiler
