// Each check gives the message, without the place, or an empty text.

#include "program/phase_verify.h"

#include <algorithm>
#include <iterator>

#include "program/tile_phase.h"

namespace vivace::program {

using kernels::StepKind;

namespace {

constexpr int kLargest = 1 << 24;  // of a width; keeps the arithmetic of sizes in range

template <class Id, class T>
bool InRange(Id id, const std::vector<T>& list) {
  return id.value >= 0 && static_cast<std::size_t>(id.value) < list.size();
}

OperandUse Floats(std::int64_t count) {
  return {{Content::Kind::kFloats}, 4 * count};
}

OperandUse Rows(tensor::ActivationType type, int k) {
  return {{Content::Kind::kRows, type, k}, tensor::QuantizedRows{k, type}.row_stride()};
}

OperandUse UseOf(const Program& program, const Phase& phase, const Operand& operand) {
  switch (operand.role) {
    case Role::kInput: {
      if (phase.kind == PhaseKind::kPanelGemm) return Rows(phase.input, phase.k);
      return Floats(PartColumns(program, phase, HasParts(phase) ? operand.part : 0));
    }
    case Role::kSquares:
      return {{Content::Kind::kSquares}, 4 * std::int64_t{kernels::SquareStride(program.hidden)}};
    case Role::kResidual: {
      OperandUse use = Floats(PartColumns(program, phase, 0));
      use.updated = true;
      return use;
    }
    case Role::kRows:
      return Rows(phase.output, phase.output_k);
    case Role::kMaxima:
      return {{Content::Kind::kMaxima}, kernels::MaximaRows{PartColumns(program, phase, 0)}.row_stride()};
    default:
      return Floats(PartColumns(program, phase, operand.part));
  }
}

/// Of the kinds whose operands are all f32, and of attention.
PhaseUses PortableUses(const Program& program, const Phase& phase) {
  const OperandUse wide = Floats(phase.n);
  const OperandUse heads = Floats(std::int64_t{phase.heads} * phase.head_dim);
  switch (phase.kind) {
    case PhaseKind::kEmbed:
      return {{}, {wide}};
    case PhaseKind::kLinear:
      return {{Floats(phase.k)}, {wide}};
    case PhaseKind::kHeadNorm:
    case PhaseKind::kRope:
    case PhaseKind::kAttention:
      return {{heads}, {heads}};
    case PhaseKind::kPagedAttention:
      return {{heads}, {phase.float_output ? heads : Rows(phase.output, phase.heads * phase.head_dim)}};
    case PhaseKind::kKvAppend: {
      const OperandUse kv = Floats(std::int64_t{program.kv.kv_heads} * program.kv.head_dim);
      return {{kv, kv}, {}};
    }
    case PhaseKind::kAdd:
    case PhaseKind::kSiluMul:
    case PhaseKind::kGeluMul:
      return {{wide, wide}, {wide}};
    default:
      return {{wide}, {wide}};
  }
}

}  // namespace

std::string ContentText(const Content& content) {
  switch (content.kind) {
    case Content::Kind::kNothing:
      return "nothing";
    case Content::Kind::kFloats:
      return "f32";
    case Content::Kind::kSquares:
      return "squares";
    case Content::Kind::kMaxima:
      return "maxima";
    case Content::Kind::kRows:
      break;
  }
  return std::string(tensor::Row(tensor::DTypeOf(content.rows)).name) + " rows of " +
         std::to_string(content.k);
}

PhaseUses UsesOf(const Program& program, const Phase& phase) {
  if (!IsTileKind(phase.kind)) return PortableUses(program, phase);
  PhaseUses uses;
  const OperandList operands = OperandsOf(phase);
  for (const Operand& operand : operands.reads) uses.reads.push_back(UseOf(program, phase, operand));
  for (const Operand& operand : operands.writes) uses.writes.push_back(UseOf(program, phase, operand));
  return uses;
}

bool AppendsToCache(const Phase& phase) {
  return phase.kind == PhaseKind::kKvAppend || HasStep(phase, StepKind::kKey) ||
         HasStep(phase, StepKind::kValue);
}

bool ReadsCache(const Phase& phase) {
  return phase.kind == PhaseKind::kAttention || phase.kind == PhaseKind::kPagedAttention;
}

namespace {

std::string CountFault(const Phase& phase) {
  OperandCounts counts = Operands(phase.kind);
  if (IsTileKind(phase.kind)) {
    const OperandList list = OperandsOf(phase);
    counts = {static_cast<int>(list.reads.size()), static_cast<int>(list.writes.size()),
              static_cast<int>(list.weights.size())};
  }
  const auto differs = [](int count, std::size_t size) { return static_cast<std::size_t>(count) != size; };
  if (!differs(counts.reads, phase.reads.size()) && !differs(counts.writes, phase.writes.size()) &&
      !differs(counts.weights, phase.weights.size())) {
    return "";
  }
  return "takes " + std::to_string(counts.reads) + " reads, " + std::to_string(counts.writes) +
         " writes and " + std::to_string(counts.weights) + " weights";
}

std::string SizeFault(const Program& program, const Phase& phase) {
  const int sizes[] = {phase.k,        phase.n,         phase.heads,         phase.head_dim,
                       phase.output_k, phase.rope_rows, program.kv.kv_heads, program.hidden};
  const bool large =
      std::any_of(std::begin(sizes), std::end(sizes), [](int size) { return size < 0 || size > kLargest; });
  const int heads = std::max(phase.heads, program.kv.kv_heads);
  const int width = std::max(phase.head_dim, program.kv.head_dim);
  if (large || width < 0 || std::int64_t{heads} * width > kLargest) return "has a size out of range";
  if (phase.k % 32 != 0 && phase.kind == PhaseKind::kPanelGemm) return "reads rows that are not whole groups";
  return "";
}

/// Steps that have no place where they stand.
std::string StepFault(const Program& program, const Phase& phase) {
  const auto& [first, keys, values] = phase.steps;
  const bool parts = HasParts(phase);
  if (first.size() + keys.size() + values.size() == 0) return "has no steps";
  if (parts && phase.head_dim != program.kv.head_dim) return "has heads of another size than the KV cache";
  if (first.size() != 0 && parts && phase.heads == 0) return "has steps for q but no heads";
  if (first.Has(StepKind::kKey) || values.Has(StepKind::kKey)) return "appends keys that are not of k";
  if (first.Has(StepKind::kValue) || keys.Has(StepKind::kValue)) return "appends values that are not of v";
  if (values.Has(StepKind::kHeadNorm)) return "norms the heads of v, which has no weight for it";
  if (parts) {
    for (const StepKind kind :
         {StepKind::kResidual, StepKind::kSquares, StepKind::kPostNorm, StepKind::kNorm,
          StepKind::kActivations, StepKind::kMaximum, StepKind::kGateSilu, StepKind::kGateGelu}) {
      if (HasStep(phase, kind)) return "has '" + std::string(kernels::Name(kind)) + "' among steps of parts";
    }
    if (phase.kind == PhaseKind::kPanelEmbed) return "has parts, which an embedding does not";
  } else if (HasStep(phase, StepKind::kRope) || HasStep(phase, StepKind::kHeadNorm)) {
    return "has steps for heads but no heads";
  }
  if (IsGated(phase) && (phase.n % 2 != 0 || phase.kind == PhaseKind::kPanelEmbed))
    return "has a gate but not columns for gate and up";
  if (HasStep(phase, StepKind::kActivations) && phase.output_k < PartColumns(program, phase, 0))
    return "writes rows that are too short";
  if (HasStep(phase, StepKind::kActivations) && phase.output_k % 32 != 0)
    return "writes rows that are not whole groups";
  return "";
}

std::string RopeFault(const Program& program, const Phase& phase) {
  if (phase.kind == PhaseKind::kRope && phase.reads[0] != phase.writes[0]) return "must work in place";
  if (phase.kind != PhaseKind::kRope && !HasStep(phase, StepKind::kRope)) return "";
  if (phase.rope < 0 || static_cast<std::size_t>(phase.rope) >= program.ropes.size())
    return "there is no rotary table " + std::to_string(phase.rope);
  const bool fits = program.ropes[static_cast<std::size_t>(phase.rope)].dim == phase.head_dim;
  return fits ? "" : "its rotary table is for another head size";
}

std::string BufferFault(const Program& program, const std::vector<BufferId>& ids,
                        const std::vector<OperandUse>& uses) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Buffer& buffer = program.buffers[static_cast<std::size_t>(ids[i].value)];
    if (buffer.bytes_per_row >= uses[i].bytes) continue;
    return "needs " + std::to_string(uses[i].bytes) + " bytes per row in " + buffer.name + ", which has " +
           std::to_string(buffer.bytes_per_row);
  }
  return "";
}

/// Tasks run at once: none may write where another reads. Those of row-wise kinds read no rows but their own.
std::string RowFault(const Program& program, const Phase& phase) {
  const bool reads_other_rows =
      phase.kind == PhaseKind::kLinear || phase.kind == PhaseKind::kGatherRows || ReadsCache(phase);
  if (!reads_other_rows || phase.reads[0] != phase.writes[0]) return "";
  return "writes " + program.buffers[static_cast<std::size_t>(phase.writes[0].value)].name +
         ", which it reads";
}

/// The same for tile kinds, whose tasks take columns.
std::string AliasFault(const Program& program, const Phase& phase) {
  for (std::size_t i = 0; i < phase.writes.size(); ++i) {
    const Buffer& buffer = program.buffers[static_cast<std::size_t>(phase.writes[i].value)];
    const auto twice = std::count(phase.writes.begin(), phase.writes.end(), phase.writes[i]) > 1;
    if (twice) return "writes " + buffer.name + " twice";
    if (std::find(phase.reads.begin(), phase.reads.end(), phase.writes[i]) != phase.reads.end())
      return "writes " + buffer.name + ", which it reads";
    // Rows of logits and rows of tokens are not counted alike.
    if (buffer.logit_rows != phase.logit_rows)
      return buffer.name + (phase.logit_rows ? " has no rows of logits" : " has rows of logits only");
  }
  return "";
}

}  // namespace

std::string PhaseFault(const Program& program, const Body& body, const Phase& phase) {
  std::string fault = CountFault(phase);
  if (!fault.empty()) return fault;
  for (const SlotId slot : phase.weights) {
    if (!InRange(slot, body.slots)) return "a weight slot does not exist";
  }
  const bool compiled = IsTileKind(phase.kind) || phase.kind == PhaseKind::kPagedAttention;
  if (compiled == std::holds_alternative<std::monostate>(phase.spec))
    return compiled ? "has no kernel specification" : "has a kernel specification";
  for (const auto* ids : {&phase.reads, &phase.writes}) {
    for (const BufferId id : *ids) {
      if (!InRange(id, program.buffers)) return "a buffer does not exist";
    }
  }
  fault = SizeFault(program, phase);
  if (fault.empty() && IsTileKind(phase.kind)) fault = StepFault(program, phase);
  if (fault.empty()) fault = RopeFault(program, phase);
  if (!fault.empty()) return fault;
  const PhaseUses uses = UsesOf(program, phase);
  fault = BufferFault(program, phase.reads, uses.reads);
  if (fault.empty()) fault = BufferFault(program, phase.writes, uses.writes);
  if (fault.empty()) fault = IsTileKind(phase.kind) ? AliasFault(program, phase) : RowFault(program, phase);
  return fault;
}

std::string JoinFault(const Body& body) {
  const auto touches = [](const std::vector<BufferId>& list, const std::vector<BufferId>& written) {
    return std::any_of(list.begin(), list.end(), [&](BufferId id) {
      return std::find(written.begin(), written.end(), id) != written.end();
    });
  };
  std::size_t first = 0;  // of the phases without a barrier between them
  for (std::size_t i = 0; i < body.phases.size(); ++i) {
    const Phase& phase = body.phases[i];
    for (std::size_t j = first; j < i; ++j) {
      const Phase& other = body.phases[j];
      const bool cache =
          (AppendsToCache(other) && ReadsCache(phase)) || (ReadsCache(other) && AppendsToCache(phase));
      if (cache || touches(phase.reads, other.writes) || touches(phase.writes, other.writes) ||
          touches(other.reads, phase.writes)) {
        return other.label + " and " + phase.label + " are joined, but one needs what the other writes";
      }
    }
    if (!phase.joined) first = i + 1;
  }
  if (!body.phases.empty() && body.phases.back().joined)
    return body.phases.back().label + " is joined with nothing";
  return "";
}

namespace {

/// Entries that a vector must have.
int VectorEntries(const Program& program, const Phase& phase, Role role) {
  if (role == Role::kQueryNorm || role == Role::kKeyNorm) return phase.head_dim;
  if (role == Role::kBias) return phase.kind == PhaseKind::kPanelEmbed ? program.hidden : phase.n;
  return PartColumns(program, phase, 0);
}

}  // namespace

std::string WeightFault(const Program& program, const Phase& phase, const Layer& layer) {
  const auto bound = [&](std::size_t i) -> const Weight& {
    const WeightId id = layer.weights[static_cast<std::size_t>(phase.weights[i].value)];
    return program.weights[static_cast<std::size_t>(id.value)];
  };
  const OperandList operands = OperandsOf(phase);
  tensor::ColumnOrder order = phase.order;
  for (std::size_t i = 0; i < phase.weights.size(); ++i) {
    const Weight& weight = bound(i);
    if (!IsTileKind(phase.kind)) {
      if (weight.form != WeightForm::kPlain) return weight.name + " must be as it is in the checkpoint";
      if (weight.sources.size() != 1) return weight.name + " must have one source";
      continue;
    }
    const Role role = operands.weights[i].role;
    if (role == Role::kPanel) {
      if (weight.form != WeightForm::kPanel) return weight.name + " must be packed";
      const tensor::PanelLayout& layout = weight.layout;
      if (layout.type != tensor::ClassOf(phase.type) || layout.k != phase.k || layout.n != phase.n)
        return weight.name + " is packed for another shape";
      order = weight.order;
      continue;
    }
    if (weight.form != WeightForm::kVector) return weight.name + " must be a vector";
    if (weight.layout.n != VectorEntries(program, phase, role)) return weight.name + " is of another length";
    const bool ordered = role == Role::kBias || role == Role::kQueryNorm || role == Role::kKeyNorm;
    if (weight.order != (ordered ? order : tensor::ColumnOrder::kPlain))
      return weight.name + " is in another order than the columns";
  }
  return "";
}

}  // namespace vivace::program
