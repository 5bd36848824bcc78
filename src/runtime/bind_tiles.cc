// Binds phases of the tile kinds: the places of the outputs and vectors by the roles of the phase's operands.

#include "kernels/panel.h"
#include "runtime/bound_operands.h"

namespace vivace::runtime {

using program::Role;

namespace {

void SetWrites(const BoundOperands& operands, const program::OperandList& list, kernels::TileOutputs& out) {
  for (std::size_t i = 0; i < list.writes.size(); ++i) {
    switch (list.writes[i].role) {
      case Role::kResidual:
        out.residual = operands.write_floats(i);
        break;
      case Role::kSquares:
        out.squares_out = operands.write_floats(i);
        break;
      case Role::kFloats:
        out.floats[list.writes[i].part] = operands.write_floats(i);
        break;
      case Role::kRows:
        out.output = operands.write(i);
        break;
      default:
        VIVACE_CHECK(list.writes[i].role == Role::kMaxima);
        out.maxima = operands.write(i);
    }
  }
}

void SetVectors(const BoundOperands& operands, const program::OperandList& list, kernels::TileOutputs& out) {
  for (std::size_t i = 0; i < list.weights.size(); ++i) {
    switch (list.weights[i].role) {
      case Role::kPanel:
        break;
      case Role::kBias:
        out.bias = operands.vector(i);
        break;
      case Role::kPostNorm:
        out.post_norm = operands.vector(i);
        break;
      case Role::kNorm:
        out.norm = operands.vector(i);
        break;
      case Role::kQueryNorm:
        out.query_norm = operands.vector(i);
        break;
      default:
        VIVACE_CHECK(list.weights[i].role == Role::kKeyNorm);
        out.key_norm = operands.vector(i);
    }
  }
}

kernels::TileOutputs OutputsOf(const BoundOperands& operands, const program::OperandList& list) {
  const auto has = [&](kernels::StepKind kind) { return program::HasStep(operands.phase, kind); };
  kernels::TileOutputs out{};
  if (has(kernels::StepKind::kRowScale)) out.squares_in = operands.read_floats(list.reads.size() - 1);
  SetWrites(operands, list, out);
  SetVectors(operands, list, out);
  if (has(kernels::StepKind::kRope)) out.rope_table = operands.rope_table();
  if (has(kernels::StepKind::kKey) || has(kernels::StepKind::kValue)) {
    out.kv = operands.context.kv;
    out.kv_layer = operands.kv_layer();
  }
  return out;
}

}  // namespace

BoundPhase BindTiles(const BoundOperands& operands, const kernels::TilePlan* plan) {
  const program::Phase& phase = operands.phase;
  const codegen::KernelLibrary& library = *operands.context.program.library;
  const program::OperandList list = program::OperandsOf(phase);
  if (phase.kind == program::PhaseKind::kPanelGemm) {
    kernels::PanelGemmArgs arguments{};
    arguments.spec = std::get<kernels::PanelGemmSpec>(phase.spec);
    arguments.code = kernels::Resolve(std::get<kernels::PanelGemmKernels>(phase.kernels), library);
    arguments.weights = operands.panels(0);
    arguments.input = operands.read(0);
    arguments.out = OutputsOf(operands, list);
    if (plan != nullptr) arguments.plan = *plan;
    return Bound(kernels::PanelGemmKernel(), std::move(arguments));
  }
  if (phase.kind == program::PhaseKind::kPanelEmbed) {
    kernels::PanelEmbedArgs arguments{};
    arguments.spec = std::get<kernels::PanelEmbedSpec>(phase.spec);
    arguments.code = kernels::Resolve(std::get<kernels::PanelEmbedKernels>(phase.kernels), library);
    arguments.weights = operands.panels(0);
    arguments.out = OutputsOf(operands, list);
    return Bound(kernels::PanelEmbedKernel(), std::move(arguments));
  }
  kernels::RowStepsArgs arguments{};
  arguments.spec = std::get<kernels::RowStepsSpec>(phase.spec);
  arguments.code = kernels::Resolve(std::get<kernels::RowStepsKernels>(phase.kernels), library);
  for (std::size_t i = 0; i < list.reads.size(); ++i) {
    if (list.reads[i].role == Role::kInput) arguments.inputs[list.reads[i].part] = operands.read_floats(i);
  }
  arguments.out = OutputsOf(operands, list);
  return Bound(kernels::RowStepsKernel(), std::move(arguments));
}

}  // namespace vivace::runtime
