// Builders of the contraction kernels for float weights (classes F32, F16, BF16): `rows` float activation
// rows times one unit of 32 packed columns, as vector IR. Arguments are those of gemm_tile.h (TileArgument).
//
// Arithmetic of one output, the same for every number of rows, block of k and tile shape: one accumulator
// that starts at +0 and takes k in ascending order,
//   f32, f16, bf16 weights   y = fma(w[k], x[k], y) in float32 for k = 0, 1, ..
//   bf16 weights and bf16 activations on a target with bf16_dot   y = dpb(w, x, y) for pairs k = 0, 2, ..
// It depends on the weight class, the activation type and target.bf16_dot alone.
#pragma once

#include <string>

#include "codegen/target.h"
#include "codegen/vir.h"
#include "kernels/gemm_tile.h"
#include "tensor/packed_panel.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

struct FloatTileShape {
  tensor::WeightClass type;           // kF32, kF16 or kBF16
  tensor::ActivationType activation;  // kF32; kBF16 goes with bf16 weights only
  int k;                              // of a whole activation row: makes the distance of rows
  int rows;                           // 1 .. FloatTileRows(target)
  int c_stride;                       // bytes from one row of the result to the next
  bool slice = false;                 // a part of k, below
  codegen::PrefetchDistances prefetch{};
};

/// True when weights and activations of these types have tiles here.
bool HasFloatTiles(tensor::WeightClass type, tensor::ActivationType activation);

/// k of a slice when many rows take the same weights: the slice of a unit stays in the caches near the core.
inline constexpr int kFloatSliceK = 512;
/// k that one count of kTileGroups stands for.
inline constexpr int kFloatGroupK = 32;

/// The activation type that bf16 weights take by default: bf16 where the target multiplies bf16 pairs.
tensor::ActivationType FloatActivation(tensor::WeightClass type, const codegen::Target& target);

/// Most rows of one tile that the target's registers allow.
int FloatTileRows(const codegen::Target& target);

/// Prefetch distances of a tile of so many rows that reads weights from memory.
codegen::PrefetchDistances FloatPrefetch(int rows, const codegen::Target& target);

/// A slice goes over kTileGroups groups of kFloatGroupK: kTileInput is the first row's first element of the
/// slice, kTileUnit the block of weights of the same k, and the result is added to; the first slice finds
/// zeros there. kTileParameters is not used.
codegen::Function BuildFloatTile(const FloatTileShape& shape, const codegen::Target& target);

}  // namespace vivace::kernels
