#include "kernels/math_builders.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Op;
using codegen::Vec;

ExpConstants MakeExpConstants(Builder& b) {
  // e^r = 1 + r + r^2 (c2 + c3 r + .. + c6 r^4) on |r| <= ln(2)/2, fitted for the smallest relative error
  // (3.1e-9). ln2_high has 15 fraction bits, so that n * ln2_high is exact.
  return {.low = b.Const(-87.0f),
          .high = b.Const(88.0f),
          .log2e = b.Const(1.442695f),
          .ln2_high = b.Const(0.69314575f),
          .ln2_low = b.Const(1.4286068e-06f),
          .one = b.Const(1.0f),
          .c2 = b.Const(0x1.fffffcp-2f),
          .c3 = b.Const(0x1.555490p-3f),
          .c4 = b.Const(0x1.5558f4p-5f),
          .c5 = b.Const(0x1.123a6cp-7f),
          .c6 = b.Const(0x1.6a2352p-10f)};
}

Vec Exp(Builder& b, const ExpConstants& k, Vec x) {
  Vec r = b.Max(b.Min(x, k.high), k.low);
  const Vec n = b.Unary(Op::kRound, b.Mul(r, k.log2e));
  b.Fnma(r, n, k.ln2_high);
  b.Fnma(r, n, k.ln2_low);
  Vec p = k.c6;
  for (const Vec coefficient : {k.c5, k.c4, k.c3, k.c2, k.one, k.one}) {
    const Vec next = b.NewVec();
    b.MoveTo(next, coefficient);
    b.Fma(next, p, r);
    p = next;
  }
  // p is in [0.70, 1.42]: adding n to its exponent field scales it by 2^n without leaving the normal numbers.
  return b.AddInt(p, b.ShiftLeft(b.Unary(Op::kToInt, n), 23));
}

Vec Silu(Builder& b, const ExpConstants& k, Vec x) {
  Vec negated = b.NewVec();
  b.ZeroTo(negated);
  b.BinaryTo(Op::kSub, negated, negated, x);
  const Vec e = Exp(b, k, negated);
  return b.Div(x, b.Add(e, k.one));
}

Vec ReciprocalSqrt(Builder& b, Vec one, Vec x) {
  return b.Div(one, b.Unary(Op::kSqrt, x));
}

}  // namespace vivace::kernels
