// Layout of 8-bit activations: rows of u8 with a scale and a zero point per group of 32, x[k] = scale[g] *
// (u8[k] - zero[g]).
//
// One row is one contiguous block of row_stride() bytes:
//   u8[k] | f32 scale[groups] | i32 negated_zero[groups] | f32 sum[groups] | padding
// negated_zero holds -zero (0..255 negated) in its low 16 bits and 0 in its high 16 bits, so that one
// vpdpwssd with the weights' group sum adds -zero * sum(weights). sum[g] = scale[g] * (sum of u8 - 32 *
// zero), the sum of the dequantised group, for weights with a minimum. The stride is an odd number of cache
// lines, so that the rows of a tile do not alias in L1.
#pragma once

#include <cstddef>

namespace vivace::tensor {

struct QuantizedRows {
  int k;  // elements per row, a multiple of 32

  static constexpr int kGroup = 32;
  constexpr int groups() const { return k / kGroup; }
  constexpr int scale_offset() const { return k; }
  constexpr int negated_zero_offset() const { return k + 4 * groups(); }
  constexpr int sum_offset() const { return k + 8 * groups(); }
  constexpr int row_stride() const { return (((k + 12 * groups() + 63) / 64) | 1) * 64; }
};

}  // namespace vivace::tensor
