// Binds phases on portable kernels; see bind_phase.h.

#include "kernels/portable.h"
#include "runtime/bound_operands.h"

namespace vivace::runtime {

using program::PhaseKind;

namespace {

Result<BoundPhase> BindEmbed(const BoundOperands& operands) {
  const program::Phase& phase = operands.phase;
  VIVACE_ASSIGN_OR_RETURN(const std::byte* weight,
                          operands.plain_weight(0, phase.type, operands.context.program.vocabulary, phase.n));
  return Bound(kernels::EmbedKernel(phase.type),
               kernels::EmbedArgs{weight, phase.type, phase.n, operands.write_floats(0)});
}

Result<BoundPhase> BindRmsNorm(const BoundOperands& operands) {
  const program::Phase& phase = operands.phase;
  const bool heads = phase.kind == PhaseKind::kHeadNorm;
  const int width = heads ? phase.head_dim : phase.n;
  VIVACE_ASSIGN_OR_RETURN(const float* weight, operands.vector_weight(0, width));
  return Bound(kernels::RmsNormKernel(),
               kernels::RmsNormArgs{operands.read_floats(0), weight, operands.write_floats(0), width,
                                    phase.eps, phase.offset, heads ? phase.heads : 1});
}

Result<BoundPhase> BindAddBias(const BoundOperands& operands) {
  const int width = operands.phase.n;
  VIVACE_ASSIGN_OR_RETURN(const float* bias, operands.vector_weight(0, width));
  return Bound(kernels::AddBiasKernel(),
               kernels::AddBiasArgs{operands.read_floats(0), bias, operands.write_floats(0), width});
}

Result<BoundPhase> BindLinear(const BoundOperands& operands) {
  const program::Phase& phase = operands.phase;
  VIVACE_ASSIGN_OR_RETURN(const std::byte* weight, operands.plain_weight(0, phase.type, phase.n, phase.k));
  return Bound(kernels::LinearKernel(phase.type),
               kernels::LinearArgs{operands.read_floats(0), weight, phase.type, phase.k, phase.n,
                                   operands.write_floats(0), phase.logit_rows});
}

// The portable kinds without weights.
BoundPhase BindPlain(const BoundOperands& operands) {
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

}  // namespace

Result<BoundPhase> BindPortable(const BoundOperands& operands) {
  switch (operands.phase.kind) {
    case PhaseKind::kEmbed:
      return BindEmbed(operands);
    case PhaseKind::kRmsNorm:
    case PhaseKind::kHeadNorm:
      return BindRmsNorm(operands);
    case PhaseKind::kAddBias:
      return BindAddBias(operands);
    case PhaseKind::kLinear:
      return BindLinear(operands);
    default:
      return BindPlain(operands);
  }
}

}  // namespace vivace::runtime
