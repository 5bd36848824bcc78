// Builders of the contraction kernels: `rows` activation rows times one unit of 32 packed columns, as vector
// IR. Integer activations only (float rows: float_tile.h). Every tile computes an output with the same
// operations in the same order (see panel.h), so results do not depend on which tile runs, on whether a unit
// was expanded, or on how k is cut into slices. Strides are constants of the kernel. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codegen/target.h"
#include "codegen/vir.h"
#include "kernels/panel.h"
#include "tensor/packed_panel.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

/// Arguments of a tile kernel: the first of `rows` consecutive activation rows, the packed (or expanded)
/// unit, and the result f32 [rows][32], rows c_stride bytes apart. An expanded tile works on a slice of k:
/// kTileInput is the first row's first element of the slice, kTileParameters its first group's scale,
/// kTileGroups its groups of activations, and the result is added to, but for TileShape::whole.
enum TileArgument { kTileInput, kTileUnit, kTileResult, kTileParameters, kTileGroups, kTileArguments };
/// Arguments of an expand kernel: the packed unit at the start of a block, where the expanded slice goes, and
/// how many blocks of the class it has; the unit's trailer, which only BuildFloatExpand reads (kChannel).
enum ExpandArgument { kExpandUnit, kExpandResult, kExpandBlocks, kExpandTrailer, kExpandArguments };

/// A unit that was expanded for prefill, in a worker's scratch: per step along k, in sequence, s8
/// [q = 0 .. step/4 - 1][2 vectors][16][4], f32 scale[32], f32 minimum[32] when the class has minimums, i32
/// word[32]. The low half of a word is the sum of the step's codes, the high half the class's offset.
struct ExpandedUnit {
  tensor::WeightClass type;
  tensor::ActivationType activation = tensor::Row(type).activation;

  /// k of one integer sum.
  constexpr int step() const {
    const int group = tensor::Row(activation).group, scale_group = tensor::Row(type).scale_group;
    return scale_group != 0 && scale_group < group ? scale_group : group;
  }
  constexpr bool has_minimum() const {
    const tensor::WeightScale scales = tensor::Row(type).scales;
    return scales == tensor::WeightScale::kF16Minimum || scales == tensor::WeightScale::kSuperMinimum;
  }
  constexpr int scale_offset() const { return step() * 32; }
  constexpr int minimum_offset() const { return scale_offset() + 128; }
  constexpr int word_offset() const { return scale_offset() + (has_minimum() ? 256 : 128); }
  constexpr int step_bytes() const { return word_offset() + 128; }
  constexpr std::size_t bytes(int k) const { return static_cast<std::size_t>(k / step()) * step_bytes(); }
};

using codegen::PrefetchDistances;

struct TileShape {
  tensor::WeightClass type;  // of the weights
  tensor::ActivationType activation;
  int k;  // of a whole row
  int rows;
  int c_stride;  // bytes
  PrefetchDistances prefetch{};
  bool whole = false;  // an expanded tile's slice is the whole of k: the result is set, not added to
};

/// True when weights and activations of these types have tiles here.
bool HasIntegerTiles(tensor::WeightClass type, tensor::ActivationType activation);
/// Rows of the largest direct tile.
int DirectRows(tensor::WeightClass type, tensor::ActivationType activation, const codegen::Target& target);
/// Rows of the largest expanded tile; 0 when direct tiles are as fast.
int ExpandedRows(tensor::WeightClass type, tensor::ActivationType activation, const codegen::Target& target);

/// Reads codes as packed, over the whole of k, and prefetches the weights ahead. 1 <= rows <= DirectRows.
codegen::Function BuildDirectTile(const TileShape& shape, const codegen::Target& target);
/// Reads a slice of an expanded unit. 1 <= rows <= ExpandedRows.
codegen::Function BuildExpandedTile(const TileShape& shape, const codegen::Target& target);
/// Packed blocks -> expanded steps, with the prefetch of a kernel that streams weights.
codegen::Function BuildExpand(tensor::WeightClass type, tensor::ActivationType activation,
                              const codegen::Target& target);

}  // namespace vivace::kernels
