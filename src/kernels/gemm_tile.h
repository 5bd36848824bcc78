// Builders of the contraction kernels: `rows` activation rows (1 .. kTileRows) times one unit of 32 packed
// columns, as vector IR. Every tile computes an output with the same operations in the same order (see
// panel.h), so results do not depend on which tile runs. The number of groups and all strides are constants
// of the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codegen/vir.h"
#include "tensor/dtype.h"

namespace vivace::kernels {

/// Arguments of a tile kernel: the first of `rows` consecutive QuantizedRows{k} rows, the packed (or
/// expanded) unit, and the result f32 [rows][32], rows c_stride bytes apart.
enum TileArgument { kTileInput, kTileUnit, kTileResult, kTileArguments };
/// Arguments of an expand kernel: the packed unit, and where the expanded unit goes.
enum ExpandArgument { kExpandUnit, kExpandResult, kExpandArguments };

/// How far ahead of its reads a direct tile asks for weights: into the second cache level, and into the
/// first. 0: not at all.
struct PrefetchDistances {
  int far_bytes = 0;
  int near_bytes = 0;
};

struct TileShape {
  tensor::DType type;  // of the weights, kQ4_1 or kQ8_0
  int k;
  int rows;
  int c_stride;  // bytes
  PrefetchDistances prefetch{};
};

/// Reads nibbles or bytes as packed, and prefetches the weights ahead.
codegen::Function BuildDirectTile(const TileShape& shape);
/// Reads an expanded unit.
codegen::Function BuildExpandedTile(const TileShape& shape);
/// Packed unit -> expanded unit.
codegen::Function BuildExpand(tensor::DType type, int k);

}  // namespace vivace::kernels
