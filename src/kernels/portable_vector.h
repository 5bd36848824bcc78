// Functions over the float vectors of tensor/lanes.h that only the portable kernels need. Included only by
// portable_kernels.h; everything here has internal linkage.
#pragma once

#include "tensor/lanes.h"

namespace vivace::kernels {
namespace {

using namespace tensor::lanes;

/// e^x to about 1 unit in the last place: x = n ln 2 + r, |r| <= ln 2 / 2, Taylor to r^7. Below -87 and above
/// 88 the argument is clamped. A NaN stays one: Min and Max give their second operand then.
VIVACE_INLINE V Exp(V x) {
  x = Min(Splat(88.0f), Max(Splat(-87.0f), x));
  const V magic = Splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const V shifted = Fma(x, Splat(1.44269504f), magic);
  const V n = shifted - magic;
  V r = Fma(n, Splat(-0.693145752f), x);
  r = Fma(n, Splat(-1.42860677e-6f), r);
  V p = Splat(1.0f / 5040);
  p = Fma(p, r, Splat(1.0f / 720));
  p = Fma(p, r, Splat(1.0f / 120));
  p = Fma(p, r, Splat(1.0f / 24));
  p = Fma(p, r, Splat(1.0f / 6));
  p = Fma(p, r, Splat(0.5f));
  p = Fma(p, r, Splat(1.0f));
  p = Fma(p, r, Splat(1.0f));
  const LaneMask exponent = (LaneMask)shifted << 23;  // the magic number's own bits fall out at the top
  // The integer of a NaN says nothing about it: x - x is zero for every number.
  return (V)((LaneMask)p + exponent) + (x - x);
}

/// tanh(x) to about 2 units in the last place: the odd Taylor series to x^11 below 0.3, 1 - 2 / (e^2x + 1)
/// above.
VIVACE_INLINE V Tanh(V x) {
  const V square = x * x;
  V p = Splat(-1382.0f / 155925);
  p = Fma(p, square, Splat(62.0f / 2835));
  p = Fma(p, square, Splat(-17.0f / 315));
  p = Fma(p, square, Splat(2.0f / 15));
  p = Fma(p, square, Splat(-1.0f / 3));
  const V small = Fma(p * square, x, x);
  const V large = Splat(1.0f) - Splat(2.0f) / (Exp(x + x) + Splat(1.0f));
  return square < Splat(0.09f) ? small : large;
}

/// cap * tanh(x / cap); NaN for infinities, which are no scores or logits, so that they are seen.
VIVACE_INLINE V SoftCapped(V x, V cap) {
  return Fma(x, Splat(0.0f), Tanh(x / cap) * cap);
}

/// e^x of one number, the same bits as a lane of Exp.
VIVACE_INLINE float ExpScalar(float x) {
  return Exp(Splat(x))[0];
}

}  // namespace
}  // namespace vivace::kernels
