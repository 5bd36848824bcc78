// panel_embed: embedding rows read back from packed columns, one task a row, then the steps along the row.
// See panel.h.
#include <cstring>
#include <string>

#include "base/status_macros.h"
#include "kernels/panel.h"
#include "kernels/panel_finish.h"
#include "kernels/panel_functions.h"
#include "kernels/unpack_column.h"

namespace vivace::kernels {

namespace {

constexpr int kUnit = tensor::PanelLayout::kUnitColumns;

// Scratch of a task: lanes | rs of the row | the row.
constexpr std::size_t kScaleOffset = (kLaneBytes + 63) / 64 * 64;
constexpr std::size_t kRowOffset = kScaleOffset + 64;

int Grid(const void*, const tensor::StepView& step) {
  return step.rows;
}

void Run(const void* arguments, int task, const TaskContext& context) {
  const auto& args = *static_cast<const PanelEmbedArgs*>(arguments);
  const TileEpilogue& epilogue = args.spec.epilogue;
  const std::ptrdiff_t row = task;
  auto* values = reinterpret_cast<float*>(context.scratch + kRowOffset);
  auto* row_scale = reinterpret_cast<float*>(context.scratch + kScaleOffset);
  UnpackColumn(args.spec.layout, args.weights, context.step.token_ids[row], values);
  const std::ptrdiff_t end = std::ptrdiff_t{UnitCount(epilogue)} * kUnit;
  if (end > epilogue.n) std::memset(values + epilogue.n, 0, (end - epilogue.n) * sizeof(float));
  if (NeedsRowScale(epilogue))
    MakeRowScales(args.code, args.out.squares_in + row * SquareStride(epilogue.hidden), 1, row_scale);
  FinishTile({.epilogue = epilogue,
              .out = args.out,
              .code = args.code,
              .step = context.step,
              .first_row = task,
              .rows = UnitCount(epilogue) / epilogue.units,
              .values = values,
              .row_scale = row_scale,
              .lanes = context.scratch},
             0);
}

}  // namespace

Result<FinishSet<codegen::Function>> BuildPanelEmbed(const PanelEmbedSpec& spec) {
  VIVACE_RETURN_IF_ERROR(CheckSteps(spec.epilogue));
  const int n = spec.epilogue.n;
  if (n > spec.layout.width() || !RunsAlongRows(spec.epilogue) || spec.epilogue.steps[0].gated()) {
    return Unsupported("an embedding of rows of " + std::to_string(spec.layout.width()) +
                       " cannot be finished by steps on " + std::to_string(n) +
                       " columns, by gates or by steps of heads");
  }
  if (kRowOffset + (spec.layout.width() + std::size_t{4} * kUnit) * sizeof(float) > kScratchBytes) {
    return Unsupported("an embedding of rows of " + std::to_string(spec.layout.width()) +
                       " does not fit the scratch of a worker; run with -O0");
  }
  return BuildFinish(spec.epilogue, true);
}

Result<PanelEmbedKernels> CompilePanelEmbed(const PanelEmbedSpec& spec, codegen::KernelLibrary& library) {
  VIVACE_ASSIGN_OR_RETURN(const FinishSet<codegen::Function> functions, BuildPanelEmbed(spec));
  VIVACE_ASSIGN_OR_RETURN(const FinishSet<codegen::KernelId> kernels, CompileFinish(functions, library));
  return PanelEmbedKernels{kernels};
}

TaskKernel PanelEmbedKernel() {
  return {Grid, Run};
}

}  // namespace vivace::kernels
