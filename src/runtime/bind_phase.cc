#include "runtime/bind_phase.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "tensor/dequantize.h"

namespace vivace::runtime {
namespace {

using program::PhaseKind;

// One phase with what it is bound to; the accessors take operand numbers, in the order of phase_kinds.def.
struct Operands {
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
    if (!view.packed && view.type == type && view.bytes >= bytes) return view.data;
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
    VIVACE_CHECK(weight(i).packed);
    return weight(i).data;
  }
};

template <class Arguments>
BoundPhase Bound(kernels::TaskKernel kernel, Arguments arguments) {
  return BoundPhase{kernel, PhaseArguments(std::move(arguments))};
}

Result<BoundPhase> BindEmbed(const Operands& operands) {
  const program::Phase& phase = operands.phase;
  VIVACE_ASSIGN_OR_RETURN(const std::byte* weight,
                          operands.plain_weight(0, phase.type, operands.context.program.vocabulary, phase.n));
  return Bound(kernels::EmbedKernel(phase.type),
               kernels::EmbedArgs{weight, phase.type, phase.n, operands.write_floats(0)});
}

Result<BoundPhase> BindRmsNorm(const Operands& operands) {
  const program::Phase& phase = operands.phase;
  const bool heads = phase.kind == PhaseKind::kHeadNorm;
  const int width = heads ? phase.head_dim : phase.n;
  VIVACE_ASSIGN_OR_RETURN(const float* weight, operands.vector_weight(0, width));
  return Bound(kernels::RmsNormKernel(),
               kernels::RmsNormArgs{operands.read_floats(0), weight, operands.write_floats(0), width,
                                    phase.eps, phase.offset, heads ? phase.heads : 1});
}

Result<BoundPhase> BindAddBias(const Operands& operands) {
  const int width = operands.phase.n;
  VIVACE_ASSIGN_OR_RETURN(const float* bias, operands.vector_weight(0, width));
  return Bound(kernels::AddBiasKernel(),
               kernels::AddBiasArgs{operands.read_floats(0), bias, operands.write_floats(0), width});
}

Result<BoundPhase> BindLinear(const Operands& operands) {
  const program::Phase& phase = operands.phase;
  VIVACE_ASSIGN_OR_RETURN(const std::byte* weight, operands.plain_weight(0, phase.type, phase.n, phase.k));
  return Bound(kernels::LinearKernel(phase.type),
               kernels::LinearArgs{operands.read_floats(0), weight, phase.type, phase.k, phase.n,
                                   operands.write_floats(0), phase.logit_rows});
}

Result<BoundPhase> BindNormQuantize(const Operands& operands) {
  const program::Phase& phase = operands.phase;
  VIVACE_ASSIGN_OR_RETURN(const float* weight, operands.vector_weight(0, phase.n));
  return Bound(kernels::QuantizeKernel(),
               kernels::QuantizeArgs{operands.read_floats(0), weight, operands.write_floats(0),
                                     operands.write(1), phase.n});
}

// The portable kinds without weights.
BoundPhase BindPlain(const Operands& operands) {
  const program::Phase& phase = operands.phase;
  const BindContext& context = operands.context;
  switch (phase.kind) {
    case PhaseKind::kRope:
      return Bound(kernels::RopeKernel(), kernels::RopeArgs{operands.write_floats(0), operands.rope_table(),
                                                            phase.heads, phase.head_dim, phase.half != 0});
    case PhaseKind::kKvAppend:
      return Bound(kernels::KvAppendKernel(),
                   kernels::KvAppendArgs{operands.read_floats(0), operands.read_floats(1), context.kv,
                                         operands.kv_layer()});
    case PhaseKind::kAttention:
      return Bound(
          kernels::AttentionKernel(),
          kernels::AttentionArgs{operands.read_floats(0), operands.write_floats(0), context.kv,
                                 operands.kv_layer(), phase.heads, phase.scale, phase.window, phase.softcap});
    case PhaseKind::kAdd:
      return Bound(kernels::AddKernel(), kernels::AddArgs{operands.read_floats(0), operands.read_floats(1),
                                                          operands.write_floats(0), phase.n});
    case PhaseKind::kQuantizeRows:
      return Bound(kernels::QuantizeKernel(), kernels::QuantizeArgs{operands.read_floats(0), nullptr, nullptr,
                                                                    operands.write(0), phase.n});
    case PhaseKind::kScale:
      return Bound(
          kernels::ScaleKernel(),
          kernels::ScaleArgs{operands.read_floats(0), operands.write_floats(0), phase.n, phase.scale});
    case PhaseKind::kSoftcap:
      return Bound(kernels::SoftcapKernel(),
                   kernels::SoftcapArgs{operands.read_floats(0), operands.write_floats(0), phase.n,
                                        phase.softcap, phase.logit_rows});
    case PhaseKind::kSiluMul:
    case PhaseKind::kGeluMul:
      return Bound(phase.kind == PhaseKind::kSiluMul ? kernels::SiluMulKernel() : kernels::GeluMulKernel(),
                   kernels::SiluMulArgs{operands.read_floats(0), operands.read_floats(1),
                                        operands.write_floats(0), phase.n});
    default:
      VIVACE_CHECK(phase.kind == PhaseKind::kGatherRows);
      return Bound(kernels::GatherRowsKernel(),
                   kernels::GatherRowsArgs{operands.read_floats(0), operands.write_floats(0), phase.n});
  }
}

Result<BoundPhase> BindPanelEmbed(const Operands& operands) {
  const program::Phase& phase = operands.phase;
  kernels::PanelEmbedArgs arguments{};
  arguments.spec = std::get<kernels::PanelEmbedSpec>(phase.spec);
  arguments.code = kernels::Resolve(std::get<kernels::PanelEmbedKernels>(phase.kernels),
                                    *operands.context.program.library);
  arguments.weights = operands.panels(0);
  VIVACE_ASSIGN_OR_RETURN(arguments.out.norm, operands.vector_weight(1, arguments.spec.layout.k));
  arguments.out.floats[0] = operands.write_floats(0);
  arguments.out.squares_out = operands.write_floats(1);
  arguments.out.output = operands.write(2);
  return Bound(kernels::PanelEmbedKernel(), std::move(arguments));
}

Result<BoundPhase> BindPanelGemm(const Operands& operands) {
  const program::Phase& phase = operands.phase;
  const BindContext& context = operands.context;
  kernels::PanelGemmArgs arguments{};
  arguments.spec = std::get<kernels::PanelGemmSpec>(phase.spec);
  arguments.code =
      kernels::Resolve(std::get<kernels::PanelGemmKernels>(phase.kernels), *context.program.library);
  arguments.weights = operands.panels(0);
  arguments.input = operands.read(0);
  kernels::TileOutputs& out = arguments.out;
  if (phase.kind == PhaseKind::kProjectResidual) {
    VIVACE_ASSIGN_OR_RETURN(out.norm, operands.vector_weight(1, phase.n));
    out.residual = operands.write_floats(0);
    out.squares_out = operands.write_floats(1);
    out.output = operands.write(2);
    return Bound(kernels::PanelGemmKernel(), std::move(arguments));
  }
  out.squares_in = operands.read_floats(1);
  if (phase.kind == PhaseKind::kQkv) {
    out.floats[0] = operands.write_floats(0);
    out.rope_table = operands.rope_table();
    out.kv = context.kv;
    out.kv_layer = operands.kv_layer();
  } else if (phase.kind == PhaseKind::kGateUp) {
    out.output = operands.write(0);
  } else {
    out.floats[0] = operands.write_floats(0);
  }
  return Bound(kernels::PanelGemmKernel(), std::move(arguments));
}

BoundPhase BindPagedAttention(const Operands& operands) {
  const program::Phase& phase = operands.phase;
  const BindContext& context = operands.context;
  kernels::PagedAttentionArgs arguments{};
  arguments.spec = std::get<kernels::PagedAttentionSpec>(phase.spec);
  arguments.spec.kv = context.kv;
  arguments.code =
      kernels::Resolve(std::get<kernels::PagedAttentionKernels>(phase.kernels), *context.program.library);
  arguments.q = operands.read_floats(0);
  arguments.kv_layer = operands.kv_layer();
  arguments.output = operands.write(0);
  arguments.splits = context.attention_splits;
  return Bound(kernels::PagedAttentionKernel(), std::move(arguments));
}

}  // namespace

const void* BoundPhase::arguments() const {
  return std::visit([](const auto& arguments) { return static_cast<const void*>(&arguments); }, storage);
}

Result<BoundPhase> BindPhase(const BindContext& context, const program::Layer& layer,
                             const program::Phase& phase) {
  const Operands operands{context, layer, phase};
  switch (phase.kind) {
    case PhaseKind::kEmbed:
      return BindEmbed(operands);
    case PhaseKind::kRmsNorm:
    case PhaseKind::kHeadNorm:
      return BindRmsNorm(operands);
    case PhaseKind::kAddBias:
      return BindAddBias(operands);
    case PhaseKind::kLinear:
      return BindLinear(operands);
    case PhaseKind::kNormQuantize:
      return BindNormQuantize(operands);
    case PhaseKind::kPanelEmbed:
      return BindPanelEmbed(operands);
    case PhaseKind::kQkv:
    case PhaseKind::kProjectResidual:
    case PhaseKind::kGateUp:
    case PhaseKind::kLogits:
      return BindPanelGemm(operands);
    case PhaseKind::kPagedAttention:
    case PhaseKind::kPagedAttentionF32:
      return BindPagedAttention(operands);
    default:
      return BindPlain(operands);
  }
}

}  // namespace vivace::runtime
