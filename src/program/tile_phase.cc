// The tile kinds: their operands, parts and specifications, all of which follow from the lists of steps.

#include "program/tile_phase.h"

#include <algorithm>

#include "program/program.h"

namespace vivace::program {

using kernels::StepKind;

bool HasStep(const Phase& phase, StepKind kind) {
  return std::any_of(phase.steps.begin(), phase.steps.end(),
                     [kind](const kernels::EpilogueSteps& steps) { return steps.Has(kind); });
}

bool IsGated(const Phase& phase) {
  return phase.steps[0].gated();
}

bool HasParts(const Phase& phase) {
  return phase.heads != 0 || phase.steps[1].size() != 0 || phase.steps[2].size() != 0;
}

int PartColumns(const Program& program, const Phase& phase, int part) {
  const bool parts = HasParts(phase);
  if (part > 0 && !parts) return 0;
  if (parts) {
    if (phase.steps[static_cast<std::size_t>(part)].size() == 0) return 0;
    return (part == 0 ? phase.heads : program.kv.kv_heads) * phase.head_dim;
  }
  if (phase.kind == PhaseKind::kPanelEmbed) return program.hidden;
  return IsGated(phase) ? phase.n / 2 : phase.n;
}

namespace {

void AddInputs(const Phase& phase, OperandList& list) {
  if (phase.kind == PhaseKind::kPanelGemm) list.reads.push_back({Role::kInput});
  if (phase.kind != PhaseKind::kRowSteps) return;
  if (!HasParts(phase)) {
    for (int i = 0; i < (IsGated(phase) ? 2 : 1); ++i) list.reads.push_back({Role::kInput, i});
    return;
  }
  for (int part = 0; part < kernels::kEpilogueParts; ++part) {
    if (phase.steps[static_cast<std::size_t>(part)].size() != 0) list.reads.push_back({Role::kInput, part});
  }
}

}  // namespace

OperandList OperandsOf(const Phase& phase) {
  OperandList list;
  AddInputs(phase, list);
  if (HasStep(phase, StepKind::kRowScale)) list.reads.push_back({Role::kSquares});
  if (HasStep(phase, StepKind::kResidual)) list.writes.push_back({Role::kResidual});
  if (HasStep(phase, StepKind::kSquares)) list.writes.push_back({Role::kSquares});
  for (int part = 0; part < kernels::kEpilogueParts; ++part) {
    const bool floats = phase.steps[static_cast<std::size_t>(part)].Has(StepKind::kFloats);
    if (floats) list.writes.push_back({Role::kFloats, part});
  }
  if (HasStep(phase, StepKind::kActivations)) list.writes.push_back({Role::kRows});
  if (HasStep(phase, StepKind::kMaximum)) list.writes.push_back({Role::kMaxima});
  if (phase.kind != PhaseKind::kRowSteps) list.weights.push_back({Role::kPanel});
  if (HasStep(phase, StepKind::kBias)) list.weights.push_back({Role::kBias});
  if (HasStep(phase, StepKind::kPostNorm)) list.weights.push_back({Role::kPostNorm});
  if (HasStep(phase, StepKind::kNorm)) list.weights.push_back({Role::kNorm});
  if (phase.steps[0].Has(StepKind::kHeadNorm)) list.weights.push_back({Role::kQueryNorm});
  if (phase.steps[1].Has(StepKind::kHeadNorm)) list.weights.push_back({Role::kKeyNorm});
  return list;
}

namespace {

/// Units of 32 packed columns that one call finishes: whole heads, whole groups of the output, gates whole.
int UnitsOfACall(const Program& program, const Phase& phase) {
  const bool cache = HasStep(phase, StepKind::kKey) || HasStep(phase, StepKind::kValue);
  if (HasStep(phase, StepKind::kHeadNorm) || (cache && program.kv.has_scales()))
    return std::max(1, phase.head_dim / tensor::PanelLayout::kUnitColumns);
  const bool wide =
      HasStep(phase, StepKind::kActivations) && phase.output == tensor::ActivationType::kU8Group64;
  return (IsGated(phase) ? 2 : 1) * (wide ? 2 : 1);
}

kernels::TileEpilogue EpilogueOf(const Program& program, const Phase& phase) {
  kernels::TileEpilogue epilogue{};
  epilogue.n = phase.kind == PhaseKind::kPanelEmbed ? program.hidden : phase.n;
  epilogue.units = UnitsOfACall(program, phase);
  epilogue.steps = phase.steps;
  if (HasParts(phase)) {
    epilogue.heads = phase.heads;
    epilogue.kv = program.kv;
  }
  epilogue.hidden = program.hidden;
  epilogue.eps = phase.eps;
  if (HasStep(phase, StepKind::kActivations)) epilogue.output_k = phase.output_k;
  epilogue.output = phase.output;
  return epilogue;
}

}  // namespace

void SetTileSpec(const Program& program, Phase& phase) {
  const kernels::TileEpilogue epilogue = EpilogueOf(program, phase);
  if (phase.kind == PhaseKind::kPanelGemm) {
    phase.spec = kernels::PanelGemmSpec{.type = tensor::ClassOf(phase.type),
                                        .k = phase.k,
                                        .activation = phase.input,
                                        .epilogue = epilogue,
                                        .gathered = phase.logit_rows};
  } else if (phase.kind == PhaseKind::kPanelEmbed) {
    phase.spec = kernels::PanelEmbedSpec{.layout = {tensor::ClassOf(phase.type), phase.k, phase.n},
                                         .epilogue = epilogue};
  } else {
    OperandList inputs;
    AddInputs(phase, inputs);
    phase.spec = kernels::RowStepsSpec{.inputs = static_cast<int>(inputs.reads.size()),
                                       .order = phase.order,
                                       .rope_rows = phase.rope_rows,
                                       .head_dim = phase.head_dim,
                                       .epilogue = epilogue,
                                       .logit_rows = phase.logit_rows};
  }
}

}  // namespace vivace::program
