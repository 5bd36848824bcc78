#include "kernels/quantize_builders.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Mem;
using codegen::Op;
using codegen::Vec;

namespace {

QuantizeConstants MakeConstants(Builder& b, float top) {
  return {.zero = b.Const(0.0f),
          .u8_max = b.Const(top),
          .tiny = b.Const(1e-30f),
          .reciprocal_max = b.Const(1.0f / top)};
}

// Copies lane 0 of `v` to `target` through `scratch`.
void StoreLane(Builder& b, Mem scratch, Vec v, Mem target) {
  b.Store(scratch, v);
  b.Store32(target, b.Load32(scratch));
}

Mem After(Mem m, std::int32_t bytes) {
  return {m.base, m.offset + bytes};
}

// What all values of a group share, in every lane.
struct Grid {
  Vec inverse, scale, zero;
};

// From the smallest and the largest value of the group (or of its parts, lane by lane).
Grid MakeGrid(Builder& b, const QuantizeConstants& k, Vec minima, Vec maxima) {
  const Vec low = b.Min(b.Unary(Op::kMinLanes, minima), k.zero);
  const Vec range = b.Max(b.Unary(Op::kMaxLanes, maxima), k.zero);
  b.BinaryTo(Op::kSub, range, range, low);
  const Vec inverse = b.SelectLess(range, k.tiny, k.zero, b.Div(k.u8_max, range));
  const Vec scale = b.SelectLess(range, k.tiny, k.zero, b.Mul(range, k.reciprocal_max));
  // zero = round(-lo / scale); -lo is at most the range, so it is in range already.
  const Vec zero = b.Unary(Op::kRound, b.Mul(b.Sub(k.zero, low), inverse));
  return {inverse, scale, zero};
}

// clamp(round(x * inverse) + zero, 0, top), as f32. A NaN stays: min and max give their second operand then.
Vec Quantized(Builder& b, const QuantizeConstants& k, const Grid& grid, Vec x) {
  const Vec q = b.Unary(Op::kRound, b.Mul(x, grid.inverse));
  b.BinaryTo(Op::kAdd, q, q, grid.zero);
  b.BinaryTo(Op::kMax, q, k.zero, q);
  b.BinaryTo(Op::kMin, q, k.u8_max, q);
  return q;
}

// Scale and sum, from the sum of (q - zero) over the group: every partial sum is a small integer, so `total`
// is exact.
void StoreScaleAndSum(Builder& b, const QuantizeConstants& k, const Grid& grid, Vec total,
                      const QuantizeTarget& target) {
  const Vec sum = b.Mul(total, grid.scale);
  // What is no number reached the total (infinity times an inverse of 0 as well); zero times it reaches the
  // scale.
  b.Fma(grid.scale, total, k.zero);
  StoreLane(b, target.scratch, grid.scale, target.parameters);
  StoreLane(b, target.scratch, sum, After(target.parameters, target.sum_distance));
}

// The word of a plane: -zero in the low half, the integer sum in the high half.
void StoreWord(Builder& b, Vec negated_zero, Vec total, Mem scratch, Mem target) {
  const Vec word = b.ShiftRight(b.ShiftLeft(negated_zero, 16), 16);
  b.BinaryTo(Op::kOr, word, word, b.ShiftLeft(b.Unary(Op::kToInt, total), 16));
  StoreLane(b, scratch, word, target);
}

void StoreU8Parameters(Builder& b, const QuantizeConstants& k, const Grid& grid, Vec total,
                       const QuantizeTarget& target) {
  StoreScaleAndSum(b, k, grid, total, target);
  StoreWord(b, b.Unary(Op::kToInt, b.Sub(k.zero, grid.zero)), total, target.scratch,
            After(target.parameters, target.word_distance));
}

}  // namespace

QuantizeConstants MakeQuantizeConstants(Builder& b) {
  return MakeConstants(b, 255.0f);
}

QuantizeI16Constants MakeQuantizeI16Constants(Builder& b) {
  return {.base = MakeConstants(b, 65535.0f),
          .low_byte = b.ConstInt(255),
          .inverse_256 = b.Const(1.0f / 256.0f),
          .group = b.Const(32.0f)};
}

QuantizeTarget MakeQuantizeTarget(const tensor::QuantizedRows& rows, Mem bytes, Mem parameters, Mem scratch) {
  return {.bytes = bytes,
          .parameters = parameters,
          .word_distance = rows.word_offset() - rows.scale_offset(),
          .sum_distance = rows.sum_offset() - rows.scale_offset(),
          .scratch = scratch,
          .plane_distance = rows.plane_bytes(),
          .low_word_distance = rows.word_offset(1) - rows.scale_offset()};
}

void QuantizeGroup(Builder& b, const QuantizeConstants& k, Vec v0, Vec v1, const QuantizeTarget& target) {
  const Grid grid = MakeGrid(b, k, b.Min(v0, v1), b.Max(v0, v1));
  const Vec q0 = Quantized(b, k, grid, v0);
  const Vec q1 = Quantized(b, k, grid, v1);
  b.StoreU8(target.bytes, b.Unary(Op::kToInt, q0));
  b.StoreU8(After(target.bytes, 16), b.Unary(Op::kToInt, q1));
  const Vec total = b.Unary(Op::kSumLanes, b.Add(b.Sub(q0, grid.zero), b.Sub(q1, grid.zero)));
  StoreU8Parameters(b, k, grid, total, target);
}

void QuantizeGroup64(Builder& b, const QuantizeConstants& k, Mem values, const QuantizeTarget& target) {
  constexpr int kVectors = 4;
  const auto value = [&](int i) { return b.Load(After(values, i * 64)); };
  const Vec minima = value(0), maxima = b.NewVec();
  b.MoveTo(maxima, minima);
  for (int i = 1; i < kVectors; ++i) {
    const Vec v = value(i);
    b.BinaryTo(Op::kMin, minima, minima, v);
    b.BinaryTo(Op::kMax, maxima, maxima, v);
  }
  const Grid grid = MakeGrid(b, k, minima, maxima);
  const Vec total = b.NewVec();
  b.ZeroTo(total);
  for (int i = 0; i < kVectors; ++i) {
    const Vec q = Quantized(b, k, grid, value(i));
    b.StoreU8(After(target.bytes, i * 16), b.Unary(Op::kToInt, q));
    b.BinaryTo(Op::kAdd, total, total, b.Sub(q, grid.zero));
  }
  b.UnaryTo(Op::kSumLanes, total, total);
  StoreU8Parameters(b, k, grid, total, target);
}

void QuantizeGroupI16(Builder& b, const QuantizeI16Constants& k, Vec v0, Vec v1,
                      const QuantizeTarget& target) {
  const Grid grid = MakeGrid(b, k.base, b.Min(v0, v1), b.Max(v0, v1));
  const Vec q[] = {Quantized(b, k.base, grid, v0), Quantized(b, k.base, grid, v1)};
  // Sums of codes stay below 2^24: exact.
  const Vec total = b.Unary(Op::kSumLanes, b.Add(q[0], q[1]));
  b.Fnma(total, grid.zero, k.group);
  Vec low_codes[2];
  for (int i = 0; i < 2; ++i) {
    const Vec code = b.Unary(Op::kToInt, q[i]);
    b.StoreU8(After(target.bytes, i * 16), b.ShiftRight(code, 8));
    low_codes[i] = b.And(code, k.low_byte);
    b.StoreU8(After(target.bytes, target.plane_distance + i * 16), low_codes[i]);
  }
  const Vec low_sum = b.AddInt(low_codes[0], low_codes[1]);
  StoreScaleAndSum(b, k.base, grid, total, target);
  // Both planes as 8-bit rows of their own, with the zeros zero / 256 and zero % 256: total = 256 * high +
  // low.
  const Vec code = b.Unary(Op::kToInt, grid.zero);
  const Vec low_zero = b.And(code, k.low_byte);
  const Vec low = b.Unary(Op::kSumLanes, b.Unary(Op::kToFloat, low_sum));
  b.Fnma(low, b.Unary(Op::kToFloat, low_zero), k.group);
  const Vec none = k.base.zero;  // its bits are 0
  StoreWord(b, b.SubInt(none, low_zero), low, target.scratch,
            After(target.parameters, target.low_word_distance));
  const Vec high = b.Mul(b.Sub(total, low), k.inverse_256);
  StoreWord(b, b.SubInt(none, b.ShiftRight(code, 8)), high, target.scratch,
            After(target.parameters, target.word_distance));
}

}  // namespace vivace::kernels
