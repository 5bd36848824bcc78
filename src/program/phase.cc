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

kernels::PanelGemmSpec GemmSpec(const Program& program, const Phase& phase, kernels::Epilogue epilogue) {
  kernels::PanelGemmSpec spec{};
  spec.type = tensor::ClassOf(phase.type);
  spec.activation = tensor::Row(spec.type).activation;
  spec.k = phase.k;
  spec.n = phase.n;
  spec.epilogue = epilogue;
  spec.hidden = program.hidden;
  spec.eps = phase.eps;
  if (epilogue == kernels::Epilogue::kQkvRopeAppend) {
    spec.heads = phase.heads;
    spec.kv = program.kv;
  }
  if (epilogue == kernels::Epilogue::kResidualQuant) spec.output_k = phase.n;
  if (epilogue == kernels::Epilogue::kSiluMulQuant) spec.output_k = phase.n / 2;
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
      phase.spec = tensor::PanelLayout{tensor::ClassOf(phase.type), phase.k, phase.n};
      break;
    case PhaseKind::kQkv:
      phase.spec = GemmSpec(program, phase, kernels::Epilogue::kQkvRopeAppend);
      break;
    case PhaseKind::kProjectResidual:
      phase.spec = GemmSpec(program, phase, kernels::Epilogue::kResidualQuant);
      break;
    case PhaseKind::kGateUp:
      phase.spec = GemmSpec(program, phase, kernels::Epilogue::kSiluMulQuant);
      break;
    case PhaseKind::kLogits:
      phase.spec = GemmSpec(program, phase, kernels::Epilogue::kLogits);
      break;
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
