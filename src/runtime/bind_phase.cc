#include "runtime/bind_phase.h"

#include "runtime/bound_operands.h"

namespace vivace::runtime {
namespace {

BoundPhase BindPagedAttention(const BoundOperands& operands) {
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
                             const program::Phase& phase, const kernels::TilePlan* plan) {
  const BoundOperands operands{context, layer, phase};
  if (program::IsTileKind(phase.kind)) return BindTiles(operands, plan);
  if (phase.kind == program::PhaseKind::kPagedAttention) return BindPagedAttention(operands);
  return BindPortable(operands);
}

}  // namespace vivace::runtime
