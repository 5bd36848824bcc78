// Quantised weights times float activations (`--activation-dtype float32`): a slice of a unit is dequantised
// into a worker's scratch, exactly and as a slice of packed F32 weights, and the float tiles of F32 weights
// multiply it. Arithmetic of one output: y = fma(w[k], x[k], y) in float32 for k = 0, 1, .. from +0, with
// w[k] the value that tensor::DequantizeRow gives. It depends on neither rows nor slices. There are no direct
// tiles.
//
// A driver does for each slice of k (kFloatExpandSliceK, or any multiple of the class's block):
//   expand(ExpandArgument: packed blocks of the slice, scratch of FloatExpandBytes(slice k), blocks, trailer)
//   BuildFloatTile(ExpandedFloatShape(k, rows, c_stride)) with kTileUnit = that scratch, kTileGroups = slice
//   k / kFloatGroupK and kTileInput = the rows' element at the slice's first k; the first slice finds zeros.
#pragma once

#include <cstddef>

#include "kernels/float_tile.h"

namespace vivace::kernels {

/// How weights and activations of these types are multiplied.
enum class ContractionKind : std::uint8_t {
  kNone,           // not at all: integer weights with bf16 rows, float weights with integer rows, ..
  kInteger,        // gemm_tile.h: direct and expanded tiles
  kFloat,          // float_tile.h: direct tiles, and slices of what lies packed
  kExpandedFloat,  // here: slices only
};
ContractionKind ContractionOf(tensor::WeightClass type, tensor::ActivationType activation);
/// The one predicate of what a packed contraction takes.
inline bool HasTiles(tensor::WeightClass type, tensor::ActivationType activation) {
  return ContractionOf(type, activation) != ContractionKind::kNone;
}

/// k of a slice: a multiple of every class's block.
inline constexpr int kFloatExpandSliceK = 256;
/// Scratch of one unit's slice.
constexpr std::size_t FloatExpandBytes(int slice_k) {
  return tensor::PanelLayout{tensor::WeightClass::kF32, slice_k, tensor::PanelLayout::kUnitColumns}
      .unit_bytes();
}

/// Packed blocks of an integer class -> f32 [k][2 vectors][16], with the prefetch of a kernel that streams
/// weights. Arguments: ExpandArgument.
codegen::Function BuildFloatExpand(tensor::WeightClass type, const codegen::Target& target);
/// The tile of an expanded slice.
constexpr FloatTileShape ExpandedFloatShape(int k, int rows, int c_stride) {
  return {.type = tensor::WeightClass::kF32,
          .activation = tensor::ActivationType::kF32,
          .k = k,
          .rows = rows,
          .c_stride = c_stride,
          .slice = true};
}

}  // namespace vivace::kernels
