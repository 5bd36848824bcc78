// Builders of the contraction kernels: `rows` activation rows (1 .. kTileRows) times one unit of 32 packed
// columns, as vector IR. Every tile computes an output with the same operations in the same order (see
// panel.h), so results do not depend on which tile runs. The number of groups and all strides are constants
// of the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codegen/target.h"
#include "codegen/vir.h"
#include "tensor/packed_panel.h"

namespace vivace::kernels {

/// Arguments of a tile kernel: the first of `rows` consecutive QuantizedRows{k} rows, the packed (or
/// expanded) unit, and the result f32 [rows][32], rows c_stride bytes apart.
enum TileArgument { kTileInput, kTileUnit, kTileResult, kTileArguments };
/// Arguments of an expand kernel: the packed unit, and where the expanded unit goes.
enum ExpandArgument { kExpandUnit, kExpandResult, kExpandArguments };

/// A unit that was expanded for prefill, in a worker's scratch: per group of 32 along k, in sequence, s8
/// [q = 0..7][2 vectors][16][4] (1024 B), f32 scale[32], f32 minimum[32], i32 weight_sum[32]. The low half of
/// weight_sum is the sum of the group's integer weights, the high half the class's offset.
struct ExpandedUnit {
  tensor::WeightClass type;
  int k;

  static constexpr int kGroupBytes = 1408;
  constexpr std::size_t bytes() const { return static_cast<std::size_t>(k / 32) * kGroupBytes; }
};

using codegen::PrefetchDistances;

struct TileShape {
  tensor::WeightClass type;  // of the weights
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
codegen::Function BuildExpand(tensor::WeightClass type, int k);

}  // namespace vivace::kernels
