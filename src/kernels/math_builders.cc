#include "kernels/math_builders.h"

#include <limits>
#include <span>

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

namespace {

// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule.
Vec Polynomial(Builder& b, std::span<const Vec> coefficients, Vec x) {
  Vec p = coefficients.back();
  for (std::size_t i = coefficients.size() - 1; i-- > 0;) {
    const Vec next = b.NewVec();
    b.MoveTo(next, coefficients[i]);
    b.Fma(next, p, x);
    p = next;
  }
  return p;
}

// x between low and high; a NaN stays, as min and max give their second operand then.
Vec Clamp(Builder& b, Vec low, Vec high, Vec x) {
  return b.Max(low, b.Min(high, x));
}

Vec Negated(Builder& b, Vec x) {
  const Vec negated = b.NewVec();
  b.ZeroTo(negated);
  b.BinaryTo(Op::kSub, negated, negated, x);
  return negated;
}

}  // namespace

Vec Exp(Builder& b, const ExpConstants& k, Vec x) {
  const Vec r = Clamp(b, k.low, k.high, x);
  const Vec n = b.Unary(Op::kRound, b.Mul(r, k.log2e));
  b.Fnma(r, n, k.ln2_high);
  b.Fnma(r, n, k.ln2_low);
  const Vec coefficients[] = {k.one, k.one, k.c2, k.c3, k.c4, k.c5, k.c6};
  const Vec p = Polynomial(b, coefficients, r);
  // p is in [0.70, 1.42]: adding n to its exponent field scales it by 2^n without leaving the normal numbers.
  // The integer of a NaN is 2^31, whose shift adds nothing.
  return b.AddInt(p, b.ShiftLeft(b.Unary(Op::kToInt, n), 23));
}

Vec Sigmoid(Builder& b, const ExpConstants& k, Vec x) {
  return b.Div(k.one, b.Add(Exp(b, k, Negated(b, x)), k.one));
}

Vec Silu(Builder& b, const ExpConstants& k, Vec x) {
  return b.Div(x, b.Add(Exp(b, k, Negated(b, x)), k.one));
}

GeluConstants MakeGeluConstants(Builder& b) {
  // -2 sqrt(2 / pi), and 0.044715 times that.
  return {.exp = MakeExpConstants(b),
          .linear = b.Const(-1.5957691216057308f),
          .cubic = b.Const(-0.07135481627260025f)};
}

Vec Gelu(Builder& b, const GeluConstants& k, Vec x) {
  // x / 2 * (1 + tanh(u)) = x / (1 + e^(-2u)): nothing cancels for negative x.
  const Vec u = b.NewVec();
  b.MoveTo(u, k.linear);
  b.Fma(u, k.cubic, b.Mul(x, x));
  b.BinaryTo(Op::kMul, u, u, x);
  return b.Div(x, b.Add(Exp(b, k.exp, u), k.exp.one));
}

TanhConstants MakeTanhConstants(Builder& b) {
  // tanh(x) = x * numerator(x^2) / denominator(x^2) on |x| <= 8.8, fitted for the smallest relative error
  // (1.7e-8).
  return {.limit = b.Const(8.8f),
          .negative_limit = b.Const(-8.8f),
          .one = b.Const(1.0f),
          .negative_one = b.Const(-1.0f),
          .numerator = {b.Const(1.0f), b.Const(0x1.124f42p-3f), b.Const(0x1.cc3386p-9f),
                        b.Const(0x1.5e106cp-16f), b.Const(0x1.d73c40p-27f)},
          .denominator = {b.Const(1.0f), b.Const(0x1.de7cecp-2f), b.Const(0x1.a8ee64p-6f),
                          b.Const(0x1.5b2f10p-12f), b.Const(0x1.a95a70p-21f)}};
}

Vec Tanh(Builder& b, const TanhConstants& k, Vec x) {
  const Vec clamped = Clamp(b, k.negative_limit, k.limit, x);
  const Vec square = b.Mul(clamped, clamped);
  const Vec numerator = b.Mul(Polynomial(b, k.numerator, square), clamped);
  const Vec quotient = b.Div(numerator, Polynomial(b, k.denominator, square));
  // Rounding may go one step past 1.
  return Clamp(b, k.negative_one, k.one, quotient);
}

SoftCapConstants MakeSoftCapConstants(Builder& b, float cap) {
  return {.tanh = MakeTanhConstants(b), .cap = b.Const(cap), .inverse = b.Const(1.0f / cap)};
}

Vec SoftCap(Builder& b, const SoftCapConstants& k, Vec x) {
  // x - x is zero for every number, and keeps the sign of a zero when it is taken away.
  return b.Sub(b.Mul(Tanh(b, k.tanh, b.Mul(x, k.inverse)), k.cap), b.Sub(x, x));
}

Vec ReciprocalSqrt(Builder& b, Vec one, Vec x) {
  return b.Div(one, b.Unary(Op::kSqrt, x));
}

}  // namespace vivace::kernels
