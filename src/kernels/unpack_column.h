// One row of a weight read back from its panels: for tied embeddings, which are in memory once.
#pragma once

#include <cstddef>

#include "tensor/packed_panel.h"

namespace vivace::kernels {

/// Writes the layout.width() values of a column below layout.n to out: exactly those of tensor::DequantizeRow
/// for the row that was packed there (column = row in the kPlain order). Pure.
void UnpackColumn(const tensor::PanelLayout& layout, const std::byte* panels, int column, float* out);

}  // namespace vivace::kernels
