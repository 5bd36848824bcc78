// Builders of what follows the contraction of a tile: kernels that take the f32 results of a tile's rows from
// scratch and finish them by the steps of a list (epilogue_spec.h), and the kernel that makes the deferred
// RMSNorm factors of rows.
#pragma once

#include "codegen/vir.h"
#include "kernels/epilogue_spec.h"

namespace vivace::kernels {

/// The kernel of a list. Arguments: EpilogueArgument. One text for every target: at most 7 vectors are alive
/// besides constants.
codegen::Function BuildEpilogue(const EpilogueSteps& steps, const EpilogueShape& shape);

/// The same for the tiles of one row, whose results lie side by side: kRows counts tiles, every other
/// argument is to the row's first column. Steps of heads and of the cache have no place here. For norms that
/// come after a block, with the factor of the row in RowScale: x += rs * y * weight, then the next norm.
codegen::Function BuildRowSteps(const EpilogueSteps& steps, const EpilogueShape& shape);

/// Arguments of the row-scale kernel: squares f32 [rows][SquareStride(hidden)], count, f32 result [rows +
/// 15].
enum RowScaleArgument { kScaleSquares, kScaleRows, kScaleResult, kRowScaleArguments };
codegen::Function BuildRowScale(int hidden, float eps);

}  // namespace vivace::kernels
