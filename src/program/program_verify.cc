// Verify: what every lowering must leave true before a program is run.

#include <string>

#include "base/status_macros.h"
#include "program/program.h"
#include "program/text_tables.h"
#include "tensor/quantized_rows.h"

namespace vivace::program {
namespace {

struct OperandBytes {
  std::vector<int> reads, writes;  // least bytes per row
};

/// What a phase touches in a row of each operand, in the order of phase_kinds.def.
OperandBytes BytesOf(const Program& program, const Phase& phase) {
  const auto floats = [](int count) { return 4 * count; };
  const auto rows8 = [](int width) { return tensor::QuantizedRows{width}.row_stride(); };
  const int hidden = program.hidden, n = phase.n, k = phase.k;
  const int squares = floats(kernels::SquareStride(hidden));
  const int heads = floats(phase.heads * phase.head_dim);
  switch (phase.kind) {
    case PhaseKind::kEmbed:
      return {{}, {floats(n)}};
    case PhaseKind::kRmsNorm:
    case PhaseKind::kAddBias:
    case PhaseKind::kScale:
    case PhaseKind::kSoftcap:
    case PhaseKind::kGatherRows:
      return {{floats(n)}, {floats(n)}};
    case PhaseKind::kLinear:
      return {{floats(k)}, {floats(n)}};
    case PhaseKind::kHeadNorm:
    case PhaseKind::kRope:
    case PhaseKind::kAttention:
    case PhaseKind::kPagedAttentionF32:
      return {{heads}, {heads}};
    case PhaseKind::kKvAppend: {
      const int kv = floats(program.kv.kv_heads * program.kv.head_dim);
      return {{kv, kv}, {}};
    }
    case PhaseKind::kAdd:
    case PhaseKind::kSiluMul:
    case PhaseKind::kGeluMul:
      return {{floats(n), floats(n)}, {floats(n)}};
    case PhaseKind::kQuantizeRows:
      return {{floats(n)}, {rows8(n)}};
    case PhaseKind::kNormQuantize:
      return {{floats(n)}, {squares, rows8(n)}};
    case PhaseKind::kPanelEmbed:
      return {{}, {floats(k), squares, rows8(k)}};
    case PhaseKind::kQkv:
      return {{rows8(k), squares}, {heads}};
    case PhaseKind::kPagedAttention:
      return {{heads}, {rows8(phase.heads * phase.head_dim)}};
    case PhaseKind::kProjectResidual:
      return {{rows8(k), floats(n)}, {floats(n), squares, rows8(n)}};
    case PhaseKind::kGateUp:
      return {{rows8(k), squares}, {rows8(n / 2)}};
    case PhaseKind::kLogits:
      return {{rows8(k), squares}, {floats(n)}};
  }
  return {};
}

bool UsesCache(PhaseKind kind) {
  return kind == PhaseKind::kKvAppend || kind == PhaseKind::kAttention || kind == PhaseKind::kQkv ||
         kind == PhaseKind::kPagedAttention || kind == PhaseKind::kPagedAttentionF32;
}

bool IsFused(PhaseKind kind) {
  return kind >= PhaseKind::kPanelEmbed;
}

template <class Id, class T>
bool InRange(Id id, const std::vector<T>& list) {
  return id.value >= 0 && static_cast<std::size_t>(id.value) < list.size();
}

class Verifier {
 public:
  explicit Verifier(const Program& program) : program_(program) {}
  Status Run();

 private:
  Status Fail(const std::string& where, const std::string& what) const {
    return Internal("program '" + program_.name + "', " + where + ": " + what);
  }
  Status CheckPhase(const Body& body, const Phase& phase) const;
  Status CheckBuffers(const std::string& where, const std::vector<BufferId>& ids,
                      const std::vector<int>& bytes) const;
  Status CheckLayer(std::size_t index);
  Status CheckPacking(const std::string& where, const Phase& phase, const Layer& layer) const;
  Status CheckLogits() const;
  Status CheckRopes() const;

  const Program& program_;
  std::vector<char> written_;  // by buffer
  std::vector<char> used_;     // by weight
};

Status Verifier::CheckBuffers(const std::string& where, const std::vector<BufferId>& ids,
                              const std::vector<int>& bytes) const {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!InRange(ids[i], program_.buffers)) return Fail(where, "a buffer does not exist");
    const Buffer& buffer = program_.buffers[static_cast<std::size_t>(ids[i].value)];
    if (buffer.bytes_per_row >= bytes[i]) continue;
    return Fail(where, "needs " + std::to_string(bytes[i]) + " bytes per row in " + buffer.name +
                           ", which has " + std::to_string(buffer.bytes_per_row));
  }
  return Status::Ok();
}

Status Verifier::CheckPhase(const Body& body, const Phase& phase) const {
  const std::string where = "body '" + body.name + "', " + std::string(Name(phase.kind)) + " " + phase.label;
  const OperandCounts counts = Operands(phase.kind);
  const auto differs = [](int count, std::size_t size) { return static_cast<std::size_t>(count) != size; };
  if (differs(counts.reads, phase.reads.size()) || differs(counts.writes, phase.writes.size()) ||
      differs(counts.weights, phase.weights.size())) {
    return Fail(where, "takes " + std::to_string(counts.reads) + " reads, " + std::to_string(counts.writes) +
                           " writes and " + std::to_string(counts.weights) + " weights");
  }
  for (const SlotId slot : phase.weights) {
    if (!InRange(slot, body.slots)) return Fail(where, "a weight slot does not exist");
  }
  if (IsFused(phase.kind) == std::holds_alternative<std::monostate>(phase.spec)) {
    return Fail(where, IsFused(phase.kind) ? "has no kernel specification" : "has a kernel specification");
  }
  if (phase.kind == PhaseKind::kRope && phase.reads[0] != phase.writes[0]) {
    return Fail(where, "must work in place");
  }
  if (phase.kind == PhaseKind::kRope || phase.kind == PhaseKind::kQkv) {
    if (phase.rope < 0 || static_cast<std::size_t>(phase.rope) >= program_.ropes.size()) {
      return Fail(where, "there is no rotary table " + std::to_string(phase.rope));
    }
    if (program_.ropes[static_cast<std::size_t>(phase.rope)].dim != phase.head_dim) {
      return Fail(where, "its rotary table is for another head size");
    }
  }
  const OperandBytes bytes = BytesOf(program_, phase);
  VIVACE_RETURN_IF_ERROR(CheckBuffers(where, phase.reads, bytes.reads));
  return CheckBuffers(where, phase.writes, bytes.writes);
}

/// A panel kernel was made for one layout: every layer must bring its weights in that one.
Status Verifier::CheckPacking(const std::string& where, const Phase& phase, const Layer& layer) const {
  for (std::size_t i = 0; i < phase.weights.size(); ++i) {
    const WeightId id = layer.weights[static_cast<std::size_t>(phase.weights[i].value)];
    const Weight& weight = program_.weights[static_cast<std::size_t>(id.value)];
    const bool panel = IsFused(phase.kind) && i == 0;
    if (weight.packed != panel)
      return Fail(where, weight.name + (panel ? " must" : " must not") + " be packed");
    if (!panel) {
      if (weight.sources.size() != 1) return Fail(where, weight.name + " must have one source");
      continue;
    }
    const tensor::PanelLayout& layout = weight.layout;
    if (layout.type != tensor::ClassOf(phase.type) || layout.k != phase.k || layout.n != phase.n) {
      return Fail(where, weight.name + " is packed for another shape");
    }
  }
  return Status::Ok();
}

Status Verifier::CheckLayer(std::size_t index) {
  const Layer& layer = program_.layers[index];
  const std::string where = "layer " + std::to_string(index);
  if (layer.body < 0 || static_cast<std::size_t>(layer.body) >= program_.bodies.size()) {
    return Fail(where, "has no body");
  }
  const Body& body = program_.bodies[static_cast<std::size_t>(layer.body)];
  if (layer.weights.size() != body.slots.size()) return Fail(where, "does not bind every slot");
  for (const WeightId id : layer.weights) {
    if (!InRange(id, program_.weights)) return Fail(where, "binds a weight that does not exist");
    used_[static_cast<std::size_t>(id.value)] = 1;
  }
  for (const Phase& phase : body.phases) {
    if (UsesCache(phase.kind) && (layer.kv_layer < 0 || layer.kv_layer >= program_.kv.layers)) {
      return Fail(where, phase.label + " uses the KV cache, of which it has no layer");
    }
    VIVACE_RETURN_IF_ERROR(CheckPacking(where + ", " + phase.label, phase, layer));
    for (const BufferId id : phase.reads) {
      if (written_[static_cast<std::size_t>(id.value)]) continue;
      return Fail(where, phase.label + " reads " + program_.buffers[static_cast<std::size_t>(id.value)].name +
                             " before anything is written there");
    }
    for (const BufferId id : phase.writes) written_[static_cast<std::size_t>(id.value)] = 1;
  }
  return Status::Ok();
}

Status Verifier::CheckLogits() const {
  if (!InRange(program_.logits, program_.buffers)) return Fail("logits", "the buffer does not exist");
  const std::size_t index = static_cast<std::size_t>(program_.logits.value);
  const Buffer& logits = program_.buffers[index];
  if (!logits.logit_rows || logits.bytes_per_row < 4 * program_.vocabulary) {
    return Fail("logits", "buffer " + logits.name + " does not have rows of logits");
  }
  return written_[index] ? Status::Ok() : Fail("logits", "nothing writes " + logits.name);
}

Status Verifier::CheckRopes() const {
  for (const tensor::RopeSpec& rope : program_.ropes) {
    const auto pairs = static_cast<std::size_t>(rope.dim) / 2;
    bool good = rope.dim > 0 && rope.dim % 2 == 0 && rope.theta > 0 && rope.attention_factor > 0 &&
                (rope.factors.empty() || rope.factors.size() == pairs);
    for (const float factor : rope.factors) good = good && factor > 0;
    if (!good) return Fail("rope", "needs an even dim, positive numbers and one factor per pair or none");
  }
  return Status::Ok();
}

Status Verifier::Run() {
  VIVACE_RETURN_IF_ERROR(CheckRopes());
  written_.assign(program_.buffers.size(), 0);
  used_.assign(program_.weights.size(), 0);
  for (const Body& body : program_.bodies) {
    for (const Phase& phase : body.phases) VIVACE_RETURN_IF_ERROR(CheckPhase(body, phase));
  }
  for (std::size_t i = 0; i < program_.layers.size(); ++i) VIVACE_RETURN_IF_ERROR(CheckLayer(i));
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (!used_[i]) return Fail("weight " + program_.weights[i].name, "no layer binds it");
  }
  return CheckLogits();
}

}  // namespace

Status Verify(const Program& program) {
  return Verifier(program).Run();
}

}  // namespace vivace::program
