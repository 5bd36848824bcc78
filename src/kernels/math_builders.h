// Mathematical functions as vector IR: appended to a Builder, so that every kernel that needs one has the
// same bits. Each says its accuracy against float64 on numbers, and what infinities become; a NaN comes out
// as a NaN from all of them. The ...Constants are registers that a function reads: make them once, before a
// loop; they stay live until the last use. With denormals flushed, as workers run.
#pragma once

#include <array>

#include "codegen/vir.h"

namespace vivace::kernels {

/// 11 vectors.
struct ExpConstants {
  codegen::Vec low, high, log2e, ln2_high, ln2_low, one;
  codegen::Vec c2, c3, c4, c5, c6;
};
ExpConstants MakeExpConstants(codegen::Builder& b);

/// e^x in each lane, relative error at most 2e-7; Exp(0) is exactly 1. The input is clamped to [-87, 88],
/// infinities too: the result is neither infinite nor zero (Exp(-87) is 1.6e-38). Needs up to 4 registers
/// besides the constants and x.
codegen::Vec Exp(codegen::Builder& b, const ExpConstants& constants, codegen::Vec x);

/// 1 / (1 + e^-x), relative error at most 3e-7 for x >= -87, below that absolute 1.7e-38. Infinities give 1
/// and 0.
codegen::Vec Sigmoid(codegen::Builder& b, const ExpConstants& constants, codegen::Vec x);

/// x / (1 + e^-x), relative error at most 4e-7 for x >= -87, below that absolute 1e-35. Infinities stay, so
/// that a broken activation is seen.
codegen::Vec Silu(codegen::Builder& b, const ExpConstants& constants, codegen::Vec x);

/// 13 vectors.
struct GeluConstants {
  ExpConstants exp;
  codegen::Vec linear, cubic;
};
GeluConstants MakeGeluConstants(codegen::Builder& b);

/// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), the tanh form of GELU: relative error at most 4e-7
/// for x >= -1, absolute 2e-7 below. Infinities stay, as with Silu.
codegen::Vec Gelu(codegen::Builder& b, const GeluConstants& constants, codegen::Vec x);

/// 14 vectors.
struct TanhConstants {
  codegen::Vec limit, negative_limit, one, negative_one;
  std::array<codegen::Vec, 5> numerator, denominator;  // coefficients of x^0, x^2, ..
};
TanhConstants MakeTanhConstants(codegen::Builder& b);

/// tanh(x), relative error at most 4e-7, never past -1 or 1; infinities give these.
codegen::Vec Tanh(codegen::Builder& b, const TanhConstants& constants, codegen::Vec x);

/// 16 vectors.
struct SoftCapConstants {
  TanhConstants tanh;
  codegen::Vec cap, inverse;
};
SoftCapConstants MakeSoftCapConstants(codegen::Builder& b, float cap);

/// cap * tanh(x / cap), relative error at most 5e-7 (where x / cap is a normal number, else 0); infinities
/// give NaN, so that a broken score or logit is seen.
codegen::Vec SoftCap(codegen::Builder& b, const SoftCapConstants& constants, codegen::Vec x);

/// 1 / sqrt(x), each of the two rounded.
codegen::Vec ReciprocalSqrt(codegen::Builder& b, codegen::Vec one, codegen::Vec x);

}  // namespace vivace::kernels
