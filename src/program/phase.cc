#include <iterator>

#include "program/program.h"
#include "program/tile_phase.h"

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
  phase.spec = std::monostate{};
  if (IsTileKind(phase.kind)) return SetTileSpec(program, phase);
  if (phase.kind != PhaseKind::kPagedAttention) return;
  kernels::PagedAttentionSpec spec{.heads = phase.heads, .kv = program.kv, .scale = phase.scale};
  if (!phase.float_output) spec.rows = phase.output;
  spec.window = phase.window;
  spec.softcap = phase.softcap;
  phase.spec = spec;
}

}  // namespace vivace::program
