#include <iterator>

#include "program/program.h"

namespace vivace::program {
namespace {

struct KindRow {
  std::string_view name;
  OperandCounts operands;
};
constexpr KindRow kKinds[] = {
#define PHASE_KIND(id, text, reads, writes, weights) {text, {reads, writes, weights}},
#include "program/phase_kinds.def"
#undef PHASE_KIND
};

kernels::PanelGemmSpec GemmSpec(const Program& program, const Phase& phase,
                                const kernels::EpilogueLists& steps) {
  kernels::PanelGemmSpec spec{};
  spec.type = tensor::ClassOf(phase.type);
  spec.activation = tensor::Row(spec.type).activation;
  spec.k = phase.k;
  spec.epilogue.n = phase.n;
  spec.epilogue.steps = steps;
  spec.epilogue.hidden = program.hidden;
  spec.epilogue.eps = phase.eps;
  return spec;
}

kernels::PanelEmbedSpec EmbedSpec(const Phase& phase) {
  using Kind = kernels::StepKind;
  kernels::PanelEmbedSpec spec{.layout = {tensor::ClassOf(phase.type), phase.k, phase.n}};
  spec.epilogue.n = spec.epilogue.hidden = spec.epilogue.output_k = phase.k;
  spec.epilogue.steps = {
      kernels::EpilogueSteps{{Kind::kFloats}, {Kind::kSquares}, {Kind::kNorm}, {Kind::kActivations}}};
  return spec;
}

kernels::PanelGemmSpec QkvSpec(const Program& program, const Phase& phase) {
  kernels::PanelGemmSpec spec = GemmSpec(program, phase, kernels::QkvSteps());
  spec.epilogue.heads = phase.heads;
  spec.epilogue.kv = program.kv;
  return spec;
}

kernels::PanelGemmSpec RowsSpec(const Program& program, const Phase& phase,
                                const kernels::EpilogueLists& steps) {
  kernels::PanelGemmSpec spec = GemmSpec(program, phase, steps);
  spec.epilogue.units = steps[0].gated() ? 2 : 1;
  spec.epilogue.output_k = steps[0].gated() ? phase.n / 2 : phase.n;
  return spec;
}

}  // namespace

std::string_view Name(PhaseKind kind) {
  return kKinds[static_cast<std::size_t>(kind)].name;
}

OperandCounts Operands(PhaseKind kind) {
  return kKinds[static_cast<std::size_t>(kind)].operands;
}

std::optional<PhaseKind> PhaseKindFromName(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kKinds); ++i) {
    if (kKinds[i].name == name) return static_cast<PhaseKind>(i);
  }
  return std::nullopt;
}

void SetSpec(const Program& program, Phase& phase) {
  switch (phase.kind) {
    case PhaseKind::kPanelEmbed:
      phase.spec = EmbedSpec(phase);
      break;
    case PhaseKind::kQkv:
      phase.spec = QkvSpec(program, phase);
      break;
    case PhaseKind::kProjectResidual:
      phase.spec = RowsSpec(program, phase, kernels::ResidualQuantSteps());
      break;
    case PhaseKind::kGateUp:
      phase.spec = RowsSpec(program, phase, kernels::SiluMulQuantSteps());
      break;
    case PhaseKind::kLogits: {
      kernels::PanelGemmSpec spec = GemmSpec(program, phase, kernels::LogitsSteps());
      spec.gathered = true;
      phase.spec = spec;
      break;
    }
    case PhaseKind::kPagedAttention:
    case PhaseKind::kPagedAttentionF32: {
      kernels::PagedAttentionSpec spec{.heads = phase.heads, .kv = program.kv, .scale = phase.scale};
      if (phase.kind == PhaseKind::kPagedAttention) spec.rows = tensor::ActivationType::kU8Group32;
      spec.window = phase.window;
      spec.softcap = phase.softcap;
      phase.spec = spec;
      break;
    }
    default:
      phase.spec = std::monostate{};
  }
}

}  // namespace vivace::program
