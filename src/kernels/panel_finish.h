// What follows the contraction of a tile of a GEMM phase: which list of steps a phase and a unit have, and
// the arguments of its kernel (gemm_epilogue.h) for the tile's place in the outputs. Pure functions, as the
// drivers of panel_gemm.cc that call them.
#pragma once

#include <cstddef>

#include "kernels/panel.h"

namespace vivace::kernels {

/// Units of 32 packed columns that are finished together; a phase has a multiple of it.
constexpr int TileUnits(const PanelGemmSpec& spec) {
  const int pairs = spec.output_activation == tensor::ActivationType::kU8Group64 ? 2 : 1;
  if (spec.epilogue == Epilogue::kSteps) return spec.tile_units;
  if (spec.epilogue == Epilogue::kSiluMulQuant) return 2 * pairs;
  return spec.epilogue == Epilogue::kResidualQuant ? pairs : 1;
}
/// Bytes from one row of a tile's results to the next.
constexpr int ResultStride(const PanelGemmSpec& spec) {
  return TileUnits(spec) * 128;
}

/// The list of part `part` of a phase (q, k, v; else 0), empty when the phase has no such part, and the sizes
/// for their kernels.
const EpilogueSteps& StepsOf(const PanelGemmSpec& spec, int part);
EpilogueShape ShapeOf(const PanelGemmSpec& spec);
/// True when a part scales by norm factors of its rows.
bool NeedsRowScale(const PanelGemmSpec& spec);
/// kUnsupported, with what is wrong, when the steps cannot be done on the phase's columns.
Status CheckSteps(const PanelGemmSpec& spec);

/// The results of a tile: `rows` rows f32 [rows][TileUnits * 32] in a worker's scratch.
struct TileResult {
  const PanelGemmArgs& args;
  const TaskContext& context;
  int first_row;  // in the outputs
  int rows;
  const float* values;
  const float* row_scale;  // norm factors of the rows, if any
  std::byte* lanes;        // kLaneBytes, overwritten
};

/// Finishes the tile of units unit .. unit + TileUnits - 1.
void FinishTile(const TileResult& tile, int unit);

}  // namespace vivace::kernels
