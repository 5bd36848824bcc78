#include "program/phase_cost.h"

#include <algorithm>

#include "kernels/epilogue_spec.h"
#include "tensor/quantized_rows.h"

namespace vivace::program {
namespace {

using codegen::RegisterLoop;
using tensor::ActivationType;

constexpr std::int64_t kFloatBytes = 4;

std::int64_t Wide(int value) {
  return value;
}

// Rows of the step that a phase works on.
std::int64_t RowsOf(const Program& program, const Phase& phase, const StepShape& step) {
  const bool writes_logits = std::any_of(phase.writes.begin(), phase.writes.end(), [&](BufferId id) {
    return program.buffers[static_cast<std::size_t>(id.value)].logit_rows;
  });
  return phase.logit_rows || writes_logits ? step.logit_rows : step.all_rows();
}

// K and V of one position of one layer.
std::int64_t PositionBytes(const Program& program) {
  return static_cast<std::int64_t>(program.kv.block_stride()) / tensor::KvLayout::kBlockTokens;
}

// Bytes of a checkpoint's tensor of so many elements.
std::int64_t PlainBytes(tensor::DType type, std::int64_t elements) {
  const tensor::DTypeRow& row = tensor::Row(type);
  return elements * row.block_bytes / row.block_elements;
}

std::int64_t PlainWeightBytes(const Phase& phase, std::int64_t rows) {
  switch (phase.kind) {
    case PhaseKind::kEmbed:
      return PlainBytes(phase.type, rows * phase.n);
    case PhaseKind::kLinear:
      return PlainBytes(phase.type, Wide(phase.k) * phase.n);
    case PhaseKind::kHeadNorm:
      return kFloatBytes * phase.head_dim;
    default:
      return kFloatBytes * phase.n;
  }
}

std::int64_t WeightBytes(const Program& program, const Layer& layer, const Phase& phase, std::int64_t rows) {
  std::int64_t bytes = 0;
  for (const SlotId slot : phase.weights) {
    const WeightId id = layer.weights[static_cast<std::size_t>(slot.value)];
    const Weight& weight = program.weights[static_cast<std::size_t>(id.value)];
    const auto packed = static_cast<std::int64_t>(weight.layout.bytes());
    switch (weight.form) {
      case WeightForm::kPlain:
        bytes += PlainWeightBytes(phase, rows);
        break;
      case WeightForm::kPanel:
        // Of a table of embeddings the columns of the tokens.
        bytes += phase.kind == PhaseKind::kPanelEmbed
                     ? static_cast<std::int64_t>(weight.layout.unit_bytes()) /
                           tensor::PanelLayout::kUnitColumns * rows
                     : packed;
        break;
      case WeightForm::kVector:
        bytes += kFloatBytes * weight.layout.n;
        break;
    }
  }
  return bytes;
}

// Bytes of a row of an operand of a tile kind; x is read and written.
std::int64_t OperandBytes(const Program& program, const Phase& phase, const Operand& operand) {
  switch (operand.role) {
    case Role::kInput:
      if (phase.kind == PhaseKind::kPanelGemm) return tensor::QuantizedRows{phase.k, phase.input}.row_bytes();
      return kFloatBytes * PartColumns(program, phase, operand.part);
    case Role::kSquares:
      return kFloatBytes * kernels::SquareStride(program.hidden);
    case Role::kResidual:
      return 2 * kFloatBytes * program.hidden;
    case Role::kFloats:
      return kFloatBytes * PartColumns(program, phase, operand.part);
    case Role::kRows:
      return tensor::QuantizedRows{phase.output_k, phase.output}.row_bytes();
    case Role::kMaxima:
      return kernels::MaximaRows{phase.n}.row_stride();
    default:
      return 0;  // weights
  }
}

std::int64_t RowBytes(const Program& program, const Phase& phase) {
  const std::int64_t heads = kFloatBytes * phase.heads * phase.head_dim;
  if (IsTileKind(phase.kind)) {
    const OperandList operands = OperandsOf(phase);
    std::int64_t bytes = 0;
    for (const Operand& read : operands.reads) bytes += OperandBytes(program, phase, read);
    for (const Operand& write : operands.writes) bytes += OperandBytes(program, phase, write);
    return bytes;
  }
  switch (phase.kind) {
    case PhaseKind::kLinear:
      return kFloatBytes * (phase.k + phase.n);
    case PhaseKind::kKvAppend:
      return 2 * kFloatBytes * program.kv.kv_heads * program.kv.head_dim;
    case PhaseKind::kPagedAttention:
      if (!phase.float_output)
        return heads + tensor::QuantizedRows{phase.heads * phase.head_dim, phase.output}.row_bytes();
      return 2 * heads;
    default: {
      const std::int64_t width = phase.n != 0 ? kFloatBytes * phase.n : heads;
      return width * static_cast<std::int64_t>(phase.reads.size() + phase.writes.size());
    }
  }
}

bool IsAttention(const Phase& phase) {
  return phase.kind == PhaseKind::kAttention || phase.kind == PhaseKind::kPagedAttention;
}

std::int64_t KvBytes(const Program& program, const Phase& phase, const StepShape& step) {
  const std::int64_t position = PositionBytes(program);
  if (IsAttention(phase)) {
    std::int64_t seen = Wide(step.context) + step.rows;
    if (phase.window > 0) seen = std::min(seen, Wide(phase.window) + step.rows - 1);
    return step.sequences * seen * position;
  }
  if (phase.kind == PhaseKind::kKvAppend) return step.all_rows() * position;
  if (!IsTileKind(phase.kind)) return 0;
  const int written = static_cast<int>(HasStep(phase, kernels::StepKind::kKey)) +
                      static_cast<int>(HasStep(phase, kernels::StepKind::kValue));
  return step.all_rows() * position * written / 2;
}

void AddOperations(const Phase& phase, const StepShape& step, std::int64_t rows, PhaseCost& cost) {
  if (IsAttention(phase)) {
    cost.operations =
        2 * Wide(phase.heads) * phase.head_dim * SeenPositions(step, phase.window) * step.sequences;
    cost.arithmetic = RegisterLoop::kFma;
  } else if (phase.kind == PhaseKind::kLinear) {
    cost.operations = rows * phase.k * phase.n;
    cost.arithmetic = RegisterLoop::kFma;
  } else if (phase.kind == PhaseKind::kPanelGemm) {
    cost.operations = rows * phase.k * phase.n * tensor::Row(phase.input).planes;
    cost.arithmetic = phase.input == ActivationType::kF32    ? RegisterLoop::kFma
                      : phase.input == ActivationType::kBF16 ? RegisterLoop::kDotBf16
                                                             : RegisterLoop::kDot4;
  }
}

}  // namespace

PhaseCost CostOf(const Program& program, const Layer& layer, const Phase& phase, const StepShape& step) {
  const std::int64_t rows = RowsOf(program, phase, step);
  PhaseCost cost;
  if (rows == 0) return cost;
  cost.weight_bytes = WeightBytes(program, layer, phase, rows);
  cost.kv_bytes = KvBytes(program, phase, step);
  cost.activation_bytes = rows * RowBytes(program, phase);
  AddOperations(phase, step, rows, cost);
  return cost;
}

bool IsPortable(const Phase& phase) {
  return !IsTileKind(phase.kind) && phase.kind != PhaseKind::kPagedAttention;
}

std::int64_t SeenPositions(const StepShape& step, int window) {
  // Rows whose whole past lies in the window see one position more each; the others see `window`.
  const std::int64_t first = Wide(step.context) + 1, rows = step.rows;
  if (window == 0) return rows * first + rows * (rows - 1) / 2;
  const std::int64_t growing = std::clamp<std::int64_t>(window - first + 1, 0, rows);
  return growing * first + growing * (growing - 1) / 2 + (rows - growing) * window;
}

}  // namespace vivace::program
