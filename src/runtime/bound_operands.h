// One phase with what it is bound to: the addresses of its operands, by their numbers in the order of
// phase_kinds.def. Internal to the binding of phases (bind_phase.h).
#pragma once

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "runtime/bind_phase.h"
#include "tensor/dequantize.h"

namespace vivace::runtime {

struct BoundOperands {
  const BindContext& context;
  const program::Layer& layer;
  const program::Phase& phase;

  std::byte* buffer(program::BufferId id) const {
    return context.buffers.at(static_cast<std::size_t>(id.value));
  }
  std::byte* read(std::size_t i) const { return buffer(phase.reads.at(i)); }
  std::byte* write(std::size_t i) const { return buffer(phase.writes.at(i)); }
  float* read_floats(std::size_t i) const { return reinterpret_cast<float*>(read(i)); }
  float* write_floats(std::size_t i) const { return reinterpret_cast<float*>(write(i)); }
  const WeightView& weight(std::size_t i) const {
    const program::SlotId slot = phase.weights.at(i);
    return context.weights.view(layer.weights.at(static_cast<std::size_t>(slot.value)));
  }
  std::byte* kv_layer() const {
    VIVACE_CHECK(layer.kv_layer >= 0);
    return context.kv_base + static_cast<std::size_t>(layer.kv_layer) * context.kv.layer_stride();
  }

  // [rows, width] of `type`, as the checkpoint has it.
  Result<const std::byte*> plain_weight(std::size_t i, tensor::DType type, std::int64_t rows,
                                        std::int64_t width) const {
    const WeightView& view = weight(i);
    const std::size_t bytes = tensor::RowBytes(type, width) * static_cast<std::size_t>(rows);
    if (view.form == program::WeightForm::kPlain && view.type == type && view.bytes >= bytes)
      return view.data;
    return DataLoss(fmt::format("phase {} needs a weight of {} bytes of {} and has {} bytes of {}",
                                phase.label, bytes, tensor::Row(type).name, view.bytes,
                                tensor::Row(view.type).name));
  }
  // A vector [width], widened when the checkpoint has it in 16 bits.
  Result<const float*> vector_weight(std::size_t i, int width) const {
    const tensor::DType type = weight(i).type;
    const bool widen = type == tensor::DType::kF16 || type == tensor::DType::kBF16;
    VIVACE_ASSIGN_OR_RETURN(const std::byte* data,
                            plain_weight(i, widen ? type : tensor::DType::kF32, 1, width));
    if (!widen) return reinterpret_cast<const float*>(data);
    std::vector<float>& floats = context.widened.emplace_back(static_cast<std::size_t>(width));
    tensor::DequantizeRow(type, data, width, floats.data());
    return floats.data();
  }
  const float* rope_table() const { return context.rope_tables.at(static_cast<std::size_t>(phase.rope)); }
  const std::byte* panels(std::size_t i) const {
    VIVACE_CHECK(weight(i).form == program::WeightForm::kPanel);
    return weight(i).data;
  }
  // A vector as the weight store has made it.
  const float* vector(std::size_t i) const {
    VIVACE_CHECK(weight(i).form == program::WeightForm::kVector);
    return reinterpret_cast<const float*>(weight(i).data);
  }
};

template <class Arguments>
BoundPhase Bound(kernels::TaskKernel kernel, Arguments arguments) {
  return BoundPhase{kernel, PhaseArguments(std::move(arguments))};
}

/// The kinds on portable kernels.
Result<BoundPhase> BindPortable(const BoundOperands& operands);
/// The tile kinds; `plan` may be null.
BoundPhase BindTiles(const BoundOperands& operands, const kernels::TilePlan* plan);

}  // namespace vivace::runtime
