// 8-bit quantisation of float rows where a portable phase of -O2 is followed by a fused one. Included only by
// portable_kernels.h (see there). The arithmetic is that of quantize_builders.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/portable.h"
#include "kernels/portable_rows.h"
#include "kernels/portable_vector.h"

namespace vivace::kernels {
namespace {

constexpr int kQuantizeGroup = 32;
constexpr int kQuantizeParts = kQuantizeGroup / kLanes;

/// To the nearest integer, ties to even; |x| < 2^22.
VIVACE_INLINE V Round(V x) {
  const V magic = Splat(12582912.0f);  // 1.5 * 2^23
  return (x + magic) - magic;
}

/// Where the parts of one row lie; see tensor/quantized_rows.h.
struct QuantizedRow {
  std::byte* bytes;
  std::byte* scales;  // f32, then as many i32 of negated zeros, then f32 sums
  int groups;
};

VIVACE_INLINE void QuantizeGroup(const V (&v)[kQuantizeParts], const QuantizedRow& row, int group) {
  V lows = {}, highs = {}, nothing = {};  // zero is in the range
  for (const V part : v) {
    lows = Min(lows, part);
    highs = Max(highs, part);
    nothing = Fma(part, V{}, nothing);
  }
  const float low = -MaxLanes(-lows), range = MaxLanes(highs) - low;
  const bool empty = !(range >= 1e-30f && range < 3e38f);
  const float inverse = empty ? 0.0f : 255.0f / range;
  // Zero plus zero, or not a number: a value that is none makes the whole group so.
  const float scale = (empty ? 0.0f : range * (1.0f / 255.0f)) + SumLanes(nothing);
  const V zero = Round(Splat(empty ? 0.0f : -low * inverse));
  V sums = {};
  for (int p = 0; p < kQuantizeParts; ++p) {
    const V q = Min(Max(Round(v[p] * Splat(inverse)) + zero, V{}), Splat(255.0f));
    sums += q - zero;
    for (int i = 0; i < kLanes; ++i) {
      row.bytes[group * kQuantizeGroup + p * kLanes + i] = static_cast<std::byte>(static_cast<int>(q[i]));
    }
  }
  const float total = SumLanes(sums);
  const float sum = total * scale;
  // -zero in the low half, the integer sum in the high half; a group that is no number has neither.
  const int integer_total = empty ? 0 : static_cast<int>(total);
  const std::uint32_t word = static_cast<std::uint32_t>(integer_total) << 16 |
                             static_cast<std::uint16_t>(-static_cast<int>(zero[0]));
  std::byte* parameters = row.scales + 4 * group;
  __builtin_memcpy(parameters, &scale, 4);
  __builtin_memcpy(parameters + 4 * row.groups, &word, 4);
  __builtin_memcpy(parameters + 8 * row.groups, &sum, 4);
}

void Quantize(const void* arguments, int task, const TaskContext& context) {
  const QuantizeArgs& args = *static_cast<const QuantizeArgs*>(arguments);
  const RowRange rows = RowsOfTask(task, context.step.rows);
  const int groups = args.width / kQuantizeGroup;
  const std::size_t stride = static_cast<std::size_t>(((args.width + 12 * groups + 63) / 64) | 1) * 64;
  const std::size_t square_stride = static_cast<std::size_t>((groups + 15) / 16) * 16;
  for (int r = rows.first; r < rows.last; ++r) {
    const float* x = args.x + static_cast<std::size_t>(r) * args.width;
    std::byte* out = args.out + static_cast<std::size_t>(r) * stride;
    const QuantizedRow row = {out, out + args.width, groups};
    for (int group = 0; group < groups; ++group) {
      V v[kQuantizeParts], squares = {};
      for (int p = 0; p < kQuantizeParts; ++p) {
        const int column = group * kQuantizeGroup + p * kLanes;
        v[p] = Load(x + column);
        squares = Fma(v[p], v[p], squares);
        if (args.weight != nullptr) v[p] *= Load(args.weight + column);
      }
      if (args.squares != nullptr) {
        args.squares[static_cast<std::size_t>(r) * square_stride + group] = SumLanes(squares);
      }
      QuantizeGroup(v, row, group);
    }
  }
}

}  // namespace
}  // namespace vivace::kernels
