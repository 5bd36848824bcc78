// What follows the contraction of a tile of a GEMM phase: fills the arguments of the phase's epilogue kernel
// (gemm_epilogue.h) for the tile's place in the outputs and calls it. Pure functions, as the drivers of
// panel_gemm.cc that call them.
#pragma once

#include <cstddef>

#include "kernels/panel.h"

namespace vivace::kernels {

/// The results of a tile: `rows` rows f32 [rows][32] (gate-up: [rows][64]) in a worker's scratch.
struct TileResult {
  const PanelGemmArgs& args;
  const TaskContext& context;
  int first_row;  // in the outputs
  int rows;
  const float* values;
  const float* row_scale;  // norm factors of the rows                     (not kResidualQuant)
  std::byte* lanes;        // kLaneBytes, overwritten
};
inline constexpr std::size_t kLaneBytes = 128;

/// Finishes the tile of unit `unit` of 32 columns (gate-up: of units `unit` and `unit + 1`).
void FinishTile(const TileResult& tile, int unit);

}  // namespace vivace::kernels
