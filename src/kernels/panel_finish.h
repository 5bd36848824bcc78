// What follows a tile of any source: the kernels of a TileEpilogue, and their arguments for a tile's place in
// the outputs. Pure functions, as the drivers that call them (panel_gemm.cc, panel_embed.cc, row_steps.cc).
#pragma once

#include <algorithm>
#include <cstddef>

#include "codegen/vir.h"
#include "kernels/panel.h"

namespace vivace::kernels {

/// Columns of part `part` before a gate; 0 when the phase has no such part.
int PartColumns(const TileEpilogue& epilogue, int part);
/// The same after a gate, as Floats writes them.
int FinishedColumns(const TileEpilogue& epilogue, int part);

/// Where a unit of packed columns lies: its part, and its number among the part's units.
struct UnitPlace {
  int part;
  int unit;
};
UnitPlace PlaceOf(const TileEpilogue& epilogue, int unit);

/// Units of 32 packed columns that tiles cover, a multiple of epilogue.units: the columns, and what is
/// missing to the width of output rows.
constexpr int UnitCount(const TileEpilogue& epilogue) {
  constexpr int kUnit = tensor::PanelLayout::kUnitColumns;
  const EpilogueSteps& steps = epilogue.steps[0];
  const bool rows = steps.Has(StepKind::kActivations) && !epilogue.has_parts();
  const int columns = std::max(epilogue.n, rows ? epilogue.output_k * (steps.gated() ? 2 : 1) : 0);
  const int tile = kUnit * std::max(1, epilogue.units);
  return (columns + tile - 1) / tile * epilogue.units;
}
/// Bytes from one row of a tile's values to the next.
constexpr int ResultStride(const TileEpilogue& epilogue) {
  return epilogue.units * 128;
}
/// True when a part scales by norm factors of its rows.
bool NeedsRowScale(const TileEpilogue& epilogue);

/// True when the tiles of a row can be finished in one call: no parts, no steps of heads or of the cache.
bool RunsAlongRows(const TileEpilogue& epilogue);

/// kUnsupported, with what is wrong, when the steps cannot be done on the columns.
Status CheckSteps(const TileEpilogue& epilogue);

/// Sizes for the kernel of a part.
EpilogueShape ShapeOf(const TileEpilogue& epilogue, int part);
/// The kernels. Along rows: the tiles of one row, whose values lie side by side, in one call (BuildRowSteps).
FinishSet<codegen::Function> BuildFinish(const TileEpilogue& epilogue, bool along_rows);

/// Calls convert(source, target) for every kernel of the set.
template <class A, class B, class Convert>
void ForEachMember(const FinishSet<A>& from, FinishSet<B>& to, Convert convert) {
  convert(from.row_scale, to.row_scale);
  for (std::size_t part = 0; part < kEpilogueParts; ++part) convert(from.epilogue[part], to.epilogue[part]);
}
/// Makes all of them in `library`.
Result<FinishSet<codegen::KernelId>> CompileFinish(const FinishSet<codegen::Function>& functions,
                                                   codegen::KernelLibrary& library);

/// The values of a tile: `rows` rows f32 [rows][units * 32]. Kernels along rows take one row, and `rows`
/// tiles of it that lie side by side.
struct TileResult {
  const TileEpilogue& epilogue;
  const TileOutputs& out;
  const FinishCode& code;
  const tensor::StepView& step;
  int first_row;  // in the outputs
  int rows;
  const float* values;
  const float* row_scale;  // norm factors of the rows, if any
  std::byte* lanes;        // kLaneBytes, overwritten
};

/// Asks for the lines of `rows` rows from `first_row` that finishing a tile from packed unit `unit` on will
/// read and write: they arrive while its products are summed.
void PrefetchTile(const TileEpilogue& epilogue, const TileOutputs& out, int first_row, int rows, int unit);

/// Finishes the tile that begins with packed unit `unit`.
void FinishTile(const TileResult& tile, int unit);

/// rs of `rows` rows of partial squares -> f32 [rows + 15].
void MakeRowScales(const FinishCode& code, const float* squares, int rows, float* result);

}  // namespace vivace::kernels
