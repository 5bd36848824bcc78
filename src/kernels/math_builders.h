// Mathematical functions as vector IR: appended to a Builder, so that every kernel that needs one has the
// same bits.
#pragma once

#include "codegen/vir.h"

namespace vivace::kernels {

/// Registers that Exp reads: 11 vectors. Make them once, before a loop; they stay live until the last Exp.
struct ExpConstants {
  codegen::Vec low, high, log2e, ln2_high, ln2_low, one;
  codegen::Vec c2, c3, c4, c5, c6;
};
ExpConstants MakeExpConstants(codegen::Builder& b);

/// e^x in each lane, relative error at most 2e-7; Exp(0) is exactly 1. The input is clamped to [-87, 88]: no
/// infinities, no zeros (Exp(-87) is 1.6e-38). Needs up to 4 registers besides the constants and x.
codegen::Vec Exp(codegen::Builder& b, const ExpConstants& constants, codegen::Vec x);

/// x / (1 + e^-x).
codegen::Vec Silu(codegen::Builder& b, const ExpConstants& constants, codegen::Vec x);

/// 1 / sqrt(x).
codegen::Vec ReciprocalSqrt(codegen::Builder& b, codegen::Vec one, codegen::Vec x);

}  // namespace vivace::kernels
