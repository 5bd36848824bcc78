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
  tensor::WeightClass type;               // kF32, kF16 or kBF16
  tensor::ActivationType activation;      // kF32; kBF16 goes with bf16 weights only
  int k;                                  // of a whole activation row: makes the distance of rows
  int rows;                               // 1 .. FloatTileRows(target)
  int c_stride;                           // bytes from one row of the result to the next
  int block_k = 0;                        // k of one call, a multiple of 32; 0: all of k
  bool continues = false;                 // goes on from the totals in the result: a later block of k
  codegen::PrefetchDistances prefetch{};  // on the weight stream
};

/// The activation type that bf16 weights take by default: bf16 where the target multiplies bf16 pairs.
tensor::ActivationType FloatActivation(tensor::WeightClass type, const codegen::Target& target);

/// Most rows of one tile that the target's registers allow.
int FloatTileRows(const codegen::Target& target);

/// A block of k beyond the first is called with kTileInput and kTileUnit moved on to it: by
/// block_k * element_bytes of the activations, and by block_k / block_k(class) * block_bytes(class).
codegen::Function BuildFloatTile(const FloatTileShape& shape, const codegen::Target& target);

}  // namespace vivace::kernels
