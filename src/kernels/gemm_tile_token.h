// Tiles of activation rows with one scale and zero point each (kU8Token) with weights of one scale per
// column: integers all the way, so a tile can take many rows. Pure functions.
#pragma once

#include "kernels/gemm_tile.h"

namespace vivace::kernels {

int TokenRows(const codegen::Target& target);
/// Direct; the only kind, as packed bytes are operands already.
codegen::Function BuildTokenTile(const TileShape& shape, const codegen::Target& target);

}  // namespace vivace::kernels
