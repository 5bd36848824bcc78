// One portable phase per node, in order; buffers by simple reuse. -O0 is nothing else.

#include <algorithm>
#include <optional>

#include "base/status_macros.h"
#include "compiler/body_lowering.h"
#include "compiler/lowering.h"
#include "kernels/portable.h"

namespace vivace::compiler {
namespace {

using graph::Op;
using graph::ValueId;
using program::BufferId;
using program::PhaseKind;

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

}  // namespace

BodyLowering::BodyLowering(const graph::Body& body, ProgramFrame& frame, std::vector<int> last_use)
    : body_(body),
      frame_(frame),
      last_use_(std::move(last_use)),
      places_(body.values.size()),
      targets_(body.values.size()) {
  out_.name = body.name;
  frame_.ReleaseAll();
  PlaceCarried();
}

/// Carried values lie in buffers named after their place in the chain: "x", "x.1", .., activation rows in
/// "rows", "rows.1", ..; the last body gives "logits" and their "maxima".
void BodyLowering::PlaceCarried() {
  int floats = 0, rows = 0, results = 0;
  const auto numbered = [](const std::string& name, int& count) {
    return count++ == 0 ? name : name + "." + std::to_string(count - 1);
  };
  const auto carried = [&](ValueId id) {
    const graph::Type& type = body_.value(id).type;
    const bool logits = type.rows == graph::Rows::kLogits;
    const bool first = logits && results++ == 0;
    const std::string name = logits                             ? (first ? "logits" : "maxima")
                             : tensor::ActivationOf(type.dtype) ? numbered("rows", rows)
                                                                : numbered("x", floats);
    const BufferId buffer = frame_.Carried(name, BytesPerRow(type), logits);
    if (logits) (first ? frame_.program().logits : frame_.program().maxima) = buffer;
    return buffer;
  };
  for (const ValueId id : CarriedInputs(body_)) places_[static_cast<std::size_t>(id.value)] = carried(id);
  floats = rows = 0;
  for (const ValueId id : CarriedOutputs(body_)) targets_[static_cast<std::size_t>(id.value)] = carried(id);
}

Result<BufferId> BodyLowering::PlaceFresh(ValueId id, int turn) {
  const std::optional<BufferId> target = targets_[static_cast<std::size_t>(id.value)];
  if (!target) return PutInScratch(id);
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] != target || last_use_[i] < turn) continue;
    return Unsupported("body '" + body_.name + "': %" + body_.value(id).name + " would overwrite %" +
                       body_.values[i].name + ", which is still used");
  }
  Put(id, *target);
  return *target;
}

Status BodyLowering::CheckOutputs() const {
  for (const ValueId output : CarriedOutputs(body_)) {
    if (place(output) != targets_[static_cast<std::size_t>(output.value)]) {
      return Unsupported("body '" + body_.name + "' hands %" + body_.value(output).name + " on unchanged");
    }
  }
  return Status::Ok();
}

program::Body BodyLowering::Take() {
  out_.slots = slots_.Names();
  return std::move(out_);
}

void BodyLowering::Put(ValueId id, BufferId buffer) {
  for (std::optional<BufferId>& place : places_) {
    if (place == buffer) place.reset();
  }
  places_[static_cast<std::size_t>(id.value)] = buffer;
}

BufferId BodyLowering::PutInScratch(ValueId id) {
  const graph::Type& type = body_.value(id).type;
  const BufferId buffer = frame_.TakeScratch(BytesPerRow(type), type.rows == graph::Rows::kLogits);
  places_[static_cast<std::size_t>(id.value)] = buffer;
  return buffer;
}

void BodyLowering::ReleaseDead(int turn) {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    std::optional<BufferId>& place = places_[i];
    if (!place || last_use_[i] > turn) continue;
    const BufferId buffer = *place;
    place.reset();
    const bool shared =
        std::any_of(places_.begin(), places_.end(), [&](const auto& other) { return other == buffer; });
    if (!shared) frame_.Release(buffer);
  }
}

Status BodyLowering::PlaceOutput(std::size_t index, int turn) {
  const graph::Node& node = body_.nodes[index];
  const graph::Type& type = body_.value(node.output).type;
  const std::optional<BufferId> target = targets_[static_cast<std::size_t>(node.output.value)];
  const ValueId first = node.inputs[0];
  if (node.op == Op::kRope && !DiesAt(first, turn)) return Fail(node, "its operand is used again");
  // The last body may run again for more rows of logits: it must leave its inputs as they are.
  const bool last_body = type.rows == graph::Rows::kLogits || CarriedOutputs(body_).empty() ||
                         body_.value(CarriedOutputs(body_)[0]).type.rows == graph::Rows::kLogits;
  const bool is_input = body_.value(first).kind == graph::ValueKind::kInput;
  const bool elementwise = IsElementwise(node.op);
  const bool in_place = elementwise && DiesAt(first, turn) && !(last_body && is_input);
  if (node.op == Op::kRope && !in_place) return Fail(node, "cannot overwrite its operand");
  if (in_place && (!target || *target == BufferOf(first))) {
    places_[static_cast<std::size_t>(node.output.value)] = BufferOf(first);
    return Status::Ok();
  }
  if (!target) {
    PutInScratch(node.output);
    return Status::Ok();
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] == target && last_use_[i] >= turn) {
      return Fail(node, "would overwrite %" + body_.values[i].name + ", which is still used");
    }
  }
  places_[static_cast<std::size_t>(node.output.value)] = *target;
  return Status::Ok();
}

program::Phase BodyLowering::MakePhase(const graph::Node& node, PhaseKind kind) {
  const graph::Attributes& a = node.attributes;
  const graph::Type& in = body_.value(node.inputs[0]).type;
  const graph::Type& out = body_.value(node.output).type;
  program::Phase phase{};
  phase.kind = kind;
  phase.label = body_.value(node.output).name;
  for (const ValueId input : node.inputs) {
    const graph::Value& value = body_.value(input);
    if (value.kind == graph::ValueKind::kWeight) {
      phase.weights.push_back(slots_.AddPlain(body_, input));
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

Status BodyLowering::Lower(std::size_t index, int turn) {
  const graph::Node& node = body_.nodes[index];
  const std::optional<PhaseKind> kind = KindOf(node.op);
  if (!kind) return Fail(node, "no portable kernel computes it");
  const graph::Type& out = body_.value(node.output).type;
  for (const ValueId input : node.inputs) {
    const graph::Value& value = body_.value(input);
    if (value.kind != graph::ValueKind::kWeight && tensor::ActivationOf(value.type.dtype)) {
      return Fail(node, "takes activation rows, portable kernels compute in f32");
    }
  }
  if (out.rows == graph::Rows::kLogits && node.op != Op::kGatherRows && node.op != Op::kLinear &&
      node.op != Op::kSoftcap) {
    return Fail(node, "portable kernels compute only linear layers and soft-caps on rows of logits");
  }
  if (!IsKv(out)) VIVACE_RETURN_IF_ERROR(PlaceOutput(index, turn));
  out_.phases.push_back(MakePhase(node, *kind));
  return Status::Ok();
}

void AddLayers(const graph::Graph& graph, const std::vector<PackedSlots>& slots, ProgramFrame& frame) {
  const auto add = [&](const graph::Layer& layer) {
    const graph::Body& body = graph.body(layer.body);
    bool has_kv = false;
    for (const ValueId id : body.inputs) has_kv |= IsKv(body.value(id).type);
    std::vector<program::WeightId> weights;
    for (program::Weight& weight : slots[static_cast<std::size_t>(layer.body.value)].Bind(layer)) {
      weights.push_back(frame.AddWeight(std::move(weight)));
    }
    frame.AddLayer(layer.body.value, has_kv, std::move(weights));
  };
  add(graph.prologue);
  for (const graph::Layer& layer : graph.layers) add(layer);
  add(graph.epilogue);
}

Result<program::Program> LowerPortable(const graph::Graph& graph, tensor::DType kv_type) {
  ProgramFrame frame(graph, 0);
  VIVACE_RETURN_IF_ERROR(frame.ReadFacts(kv_type));
  frame.program().attention_tile_rows = kernels::kPortableAttentionRows;
  std::vector<PackedSlots> slots;
  for (const graph::Body& body : graph.bodies) {
    BodyLowering lowering(body, frame, LastUses(body));
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const int turn = static_cast<int>(i);
      VIVACE_RETURN_IF_ERROR(lowering.Lower(i, turn));
      lowering.ReleaseDead(turn);
    }
    VIVACE_RETURN_IF_ERROR(lowering.CheckOutputs());
    frame.AddBody(lowering.Take());
    slots.push_back(lowering.slots());
  }
  AddLayers(graph, slots, frame);
  return frame.Take();
}

}  // namespace vivace::compiler
