#include "kernels/quantize_builders.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Mem;
using codegen::Op;
using codegen::Vec;

QuantizeConstants MakeQuantizeConstants(Builder& b) {
  return {.zero = b.Const(0.0f),
          .u8_max = b.Const(255.0f),
          .tiny = b.Const(1e-30f),
          .reciprocal_max = b.Const(1.0f / 255.0f)};
}

namespace {

// Copies lane 0 of `v` to `target` through `scratch`.
void StoreLane(Builder& b, Mem scratch, Vec v, Mem target) {
  b.Store(scratch, v);
  b.Store32(target, b.Load32(scratch));
}

// clamp(round(x * inverse) + zero, 0, 255), as f32. A NaN stays: min and max give their second operand then.
Vec Quantized(Builder& b, const QuantizeConstants& k, Vec x, Vec inverse, Vec zero) {
  const Vec q = b.Unary(Op::kRound, b.Mul(x, inverse));
  b.BinaryTo(Op::kAdd, q, q, zero);
  b.BinaryTo(Op::kMax, q, k.zero, q);
  b.BinaryTo(Op::kMin, q, k.u8_max, q);
  return q;
}

}  // namespace

void QuantizeGroup(Builder& b, const QuantizeConstants& k, Vec v0, Vec v1, const QuantizeTarget& target) {
  const Vec low = b.Min(b.Unary(Op::kMinLanes, b.Min(v0, v1)), k.zero);
  const Vec range = b.Max(b.Unary(Op::kMaxLanes, b.Max(v0, v1)), k.zero);
  b.BinaryTo(Op::kSub, range, range, low);
  const Vec inverse = b.SelectLess(range, k.tiny, k.zero, b.Div(k.u8_max, range));
  const Vec scale = b.SelectLess(range, k.tiny, k.zero, b.Mul(range, k.reciprocal_max));
  // zero = round(-lo / scale); -lo is at most the range, so it is in 0..255 already.
  const Vec zero = b.Unary(Op::kRound, b.Mul(b.Sub(k.zero, low), inverse));
  const Vec q0 = Quantized(b, k, v0, inverse, zero);
  const Vec q1 = Quantized(b, k, v1, inverse, zero);
  b.StoreU8(target.bytes, b.Unary(Op::kToInt, q0));
  b.StoreU8({target.bytes.base, target.bytes.offset + 16}, b.Unary(Op::kToInt, q1));
  // sum of (u8 - zero): every partial sum is a small integer, so this is exact.
  const Vec total = b.Unary(Op::kSumLanes, b.Add(b.Sub(q0, zero), b.Sub(q1, zero)));
  const Vec sum = b.Mul(total, scale);
  // What is no number reached the total (infinity times an inverse of 0 as well); zero times it reaches the
  // scale.
  b.Fma(scale, total, k.zero);
  const Mem p = target.parameters;
  StoreLane(b, target.scratch, scale, p);
  StoreLane(b, target.scratch, sum, {p.base, p.offset + target.sum_distance});
  // The word: -zero in the low half, the integer sum in the high half.
  const Vec negated = b.Unary(Op::kToInt, b.Sub(k.zero, zero));
  const Vec word = b.ShiftRight(b.ShiftLeft(negated, 16), 16);
  b.BinaryTo(Op::kOr, word, word, b.ShiftLeft(b.Unary(Op::kToInt, total), 16));
  StoreLane(b, target.scratch, word, {p.base, p.offset + target.word_distance});
}

}  // namespace vivace::kernels
