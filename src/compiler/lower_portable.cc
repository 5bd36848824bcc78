// -O0: the plainest lowering. One phase per node, in order; buffers by simple reuse.

#include <optional>

#include "base/status_macros.h"
#include "compiler/lowering.h"
#include "compiler/program_frame.h"
#include "kernels/portable.h"

namespace vivace::compiler {
namespace {

using graph::Op;
using graph::ValueId;
using program::BufferId;
using program::PhaseKind;

class BodyLowering {
 public:
  BodyLowering(const graph::Body& body, ProgramFrame& frame) : body_(body), frame_(frame) {}
  Result<program::Body> Run();

 private:
  void PlaceCarried();
  Status Lower(std::size_t index);
  Status PlaceOutput(std::size_t index, const graph::Node& node);
  void ReleaseDead(std::size_t index, const graph::Node& node);
  program::Phase MakePhase(const graph::Node& node, PhaseKind kind) const;
  Status Fail(const graph::Node& node, const std::string& what) const {
    return Unsupported("body '" + body_.name + "', %" + body_.value(node.output).name + " (" +
                       std::string(graph::Name(node.op)) + "): " + what);
  }
  bool DiesAt(ValueId id, std::size_t index) const {
    return last_use_[static_cast<std::size_t>(id.value)] == static_cast<int>(index);
  }
  std::optional<BufferId>& Place(ValueId id) { return places_[static_cast<std::size_t>(id.value)]; }
  BufferId BufferOf(ValueId id) const { return *places_[static_cast<std::size_t>(id.value)]; }

  const graph::Body& body_;
  ProgramFrame& frame_;
  program::Body out_;
  std::vector<int> last_use_;
  std::vector<std::optional<BufferId>> places_;   // by value: where it is now
  std::vector<std::optional<BufferId>> targets_;  // by value: where it must be put
  std::vector<program::SlotId> slots_;            // by value, for weights
};

/// The kind that computes an op; nothing for ops that only the fused phases know.
std::optional<PhaseKind> KindOf(Op op) {
  switch (op) {
    case Op::kEmbed:
      return PhaseKind::kEmbed;
    case Op::kRmsNorm:
      return PhaseKind::kRmsNorm;
    case Op::kHeadNorm:
      return PhaseKind::kHeadNorm;
    case Op::kLinear:
      return PhaseKind::kLinear;
    case Op::kRope:
      return PhaseKind::kRope;
    case Op::kKvAppend:
      return PhaseKind::kKvAppend;
    case Op::kAttention:
      return PhaseKind::kAttention;
    case Op::kAdd:
      return PhaseKind::kAdd;
    case Op::kAddBias:
      return PhaseKind::kAddBias;
    case Op::kScale:
      return PhaseKind::kScale;
    case Op::kSoftcap:
      return PhaseKind::kSoftcap;
    case Op::kSiluMul:
      return PhaseKind::kSiluMul;
    case Op::kGeluMul:
      return PhaseKind::kGeluMul;
    case Op::kGatherRows:
      return PhaseKind::kGatherRows;
    default:
      return std::nullopt;
  }
}

/// Kernels that may write over their first operand.
bool IsElementwise(Op op) {
  switch (op) {
    case Op::kRope:
    case Op::kHeadNorm:
    case Op::kAdd:
    case Op::kAddBias:
    case Op::kScale:
    case Op::kSoftcap:
    case Op::kSiluMul:
    case Op::kGeluMul:
      return true;
    default:
      return false;
  }
}

/// Carried values lie in buffers named after their place in the chain: "x", "x.1", ...
void BodyLowering::PlaceCarried() {
  const auto name = [](std::size_t i) { return i == 0 ? std::string("x") : "x." + std::to_string(i); };
  const std::vector<ValueId> inputs = CarriedInputs(body_), outputs = CarriedOutputs(body_);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Place(inputs[i]) = frame_.Carried(name(i), BytesPerRow(body_.value(inputs[i]).type));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const graph::Type& type = body_.value(outputs[i]).type;
    const bool logits = type.rows == graph::Rows::kLogits;
    const BufferId id = frame_.Carried(logits ? "logits" : name(i), BytesPerRow(type), logits);
    targets_[static_cast<std::size_t>(outputs[i].value)] = id;
    if (logits) frame_.program().logits = id;
  }
}

Result<program::Body> BodyLowering::Run() {
  out_.name = body_.name;
  last_use_ = LastUses(body_);
  places_.resize(body_.values.size());
  targets_.resize(body_.values.size());
  slots_.resize(body_.values.size());
  for (std::size_t i = 0; i < body_.values.size(); ++i) {
    if (body_.values[i].kind != graph::ValueKind::kWeight) continue;
    slots_[i] = program::SlotId{static_cast<std::int32_t>(out_.slots.size())};
    out_.slots.push_back(body_.values[i].name);
  }
  frame_.ReleaseAll();
  PlaceCarried();
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) VIVACE_RETURN_IF_ERROR(Lower(i));
  for (const ValueId output : CarriedOutputs(body_)) {
    const auto& target = targets_[static_cast<std::size_t>(output.value)];
    if (Place(output) != target) {
      return Unsupported("body '" + body_.name + "' hands %" + body_.value(output).name + " on unchanged");
    }
  }
  return std::move(out_);
}

Status BodyLowering::PlaceOutput(std::size_t index, const graph::Node& node) {
  const graph::Type& type = body_.value(node.output).type;
  const std::optional<BufferId> target = targets_[static_cast<std::size_t>(node.output.value)];
  const ValueId first = node.inputs[0];
  if (node.op == Op::kRope && !DiesAt(first, index)) return Fail(node, "its operand is used again");
  // The last body may run again for more rows of logits: it must leave its inputs as they are.
  const bool last_body = type.rows == graph::Rows::kLogits || CarriedOutputs(body_).empty() ||
                         body_.value(CarriedOutputs(body_)[0]).type.rows == graph::Rows::kLogits;
  const bool is_input = body_.value(first).kind == graph::ValueKind::kInput;
  const bool elementwise = IsElementwise(node.op);
  const bool in_place = elementwise && DiesAt(first, index) && !(last_body && is_input);
  if (node.op == Op::kRope && !in_place) return Fail(node, "cannot overwrite its operand");
  if (in_place && (!target || *target == BufferOf(first))) {
    Place(node.output) = BufferOf(first);
    return Status::Ok();
  }
  if (!target) {
    Place(node.output) = frame_.TakeScratch(BytesPerRow(type), type.rows == graph::Rows::kLogits);
    return Status::Ok();
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] == target && last_use_[i] >= static_cast<int>(index)) {
      return Fail(node, "would overwrite %" + body_.values[i].name + ", which is still used");
    }
  }
  Place(node.output) = *target;
  return Status::Ok();
}

program::Phase BodyLowering::MakePhase(const graph::Node& node, PhaseKind kind) const {
  const graph::Attributes& a = node.attributes;
  const graph::Type& in = body_.value(node.inputs[0]).type;
  const graph::Type& out = body_.value(node.output).type;
  program::Phase phase{};
  phase.kind = kind;
  phase.label = body_.value(node.output).name;
  for (const ValueId input : node.inputs) {
    const graph::Value& value = body_.value(input);
    if (value.kind == graph::ValueKind::kWeight) {
      phase.weights.push_back(slots_[static_cast<std::size_t>(input.value)]);
      phase.type = value.type.dtype;
    } else if (!IsKv(value.type) && value.type.dtype != tensor::DType::kI32) {
      phase.reads.push_back(BufferOf(input));
    }
  }
  if (!IsKv(out)) phase.writes.push_back(BufferOf(node.output));
  phase.n = out.width;
  phase.k = kind == PhaseKind::kLinear ? in.width : 0;
  phase.heads = a.heads;
  phase.head_dim = a.head_dim;
  phase.eps = a.eps;
  phase.scale = a.scale;
  phase.theta = a.theta;
  phase.offset = a.offset;
  phase.softcap = a.softcap;
  phase.half = a.half;
  phase.window = a.window;
  if (kind == PhaseKind::kRope) phase.rope = frame_.RopeOf(a);
  phase.logit_rows = out.rows == graph::Rows::kLogits && kind != PhaseKind::kGatherRows;
  return phase;
}

Status BodyLowering::Lower(std::size_t index) {
  const graph::Node& node = body_.nodes[index];
  const std::optional<PhaseKind> kind = KindOf(node.op);
  if (!kind) return Fail(node, "no portable kernel computes it");
  const graph::Type& out = body_.value(node.output).type;
  for (const ValueId input : node.inputs) {
    const graph::Value& value = body_.value(input);
    if (value.kind != graph::ValueKind::kWeight && value.type.dtype == tensor::DType::kU8Group32) {
      return Fail(node, "takes quantised rows, portable kernels compute in f32");
    }
  }
  if (out.rows == graph::Rows::kLogits && node.op != Op::kGatherRows && node.op != Op::kLinear &&
      node.op != Op::kSoftcap) {
    return Fail(node, "portable kernels compute only linear layers and soft-caps on rows of logits");
  }
  if (!IsKv(out)) VIVACE_RETURN_IF_ERROR(PlaceOutput(index, node));
  out_.phases.push_back(MakePhase(node, *kind));
  ReleaseDead(index, node);
  return Status::Ok();
}

void BodyLowering::ReleaseDead(std::size_t index, const graph::Node& node) {
  for (const ValueId input : node.inputs) {
    const std::optional<BufferId> place = Place(input);
    if (!place || !DiesAt(input, index)) continue;
    if (IsKv(body_.value(node.output).type) || *place != BufferOf(node.output)) frame_.Release(*place);
  }
}

void AddPortableLayer(const graph::Graph& graph, const graph::Layer& layer, ProgramFrame& frame) {
  const graph::Body& body = graph.body(layer.body);
  std::vector<program::WeightId> by_value(body.values.size());
  for (const graph::Binding& binding : layer.bindings) {
    program::Weight weight;
    weight.name = binding.source;
    weight.sources = {binding.source};
    by_value[static_cast<std::size_t>(binding.weight.value)] = frame.AddWeight(std::move(weight));
  }
  std::vector<program::WeightId> slots;
  for (std::size_t i = 0; i < body.values.size(); ++i) {
    if (body.values[i].kind == graph::ValueKind::kWeight) slots.push_back(by_value[i]);
  }
  bool has_kv = false;
  for (const ValueId id : body.inputs) has_kv |= IsKv(body.value(id).type);
  frame.AddLayer(layer.body.value, has_kv, std::move(slots));
}

}  // namespace

Result<program::Program> LowerPortable(const graph::Graph& graph, tensor::DType kv_type) {
  ProgramFrame frame(graph, 0);
  VIVACE_RETURN_IF_ERROR(frame.ReadFacts(kv_type));
  frame.program().attention_tile_rows = kernels::kPortableAttentionRows;
  for (const graph::Body& body : graph.bodies) {
    VIVACE_ASSIGN_OR_RETURN(program::Body lowered, BodyLowering(body, frame).Run());
    frame.AddBody(std::move(lowered));
  }
  AddPortableLayer(graph, graph.prologue, frame);
  for (const graph::Layer& layer : graph.layers) AddPortableLayer(graph, layer, frame);
  AddPortableLayer(graph, graph.epilogue, frame);
  return frame.Take();
}

}  // namespace vivace::compiler
