// What attention reads and computes element by element, as vector IR: 16 elements of the KV cache as floats,
// and the soft-cap of scores.
#pragma once

#include "codegen/vir.h"
#include "kernels/math_builders.h"
#include "tensor/dtype.h"

namespace vivace::kernels {

/// Types of a KV cache that LoadKvElements takes.
bool IsKvType(tensor::DType type);

/// 16 consecutive elements as f32; of kI8 the codes, without their scale.
codegen::Vec LoadKvElements(codegen::Builder& b, tensor::DType type, codegen::Mem m);

/// Registers that SoftCap reads: 14 vectors.
struct SoftCapConstants {
  ExpConstants exp;
  codegen::Vec two_over_cap, cap, two;
};
SoftCapConstants MakeSoftCapConstants(codegen::Builder& b, float cap);

/// cap * tanh(x / cap), as cap - cap * 2 / (1 + e^(2 x / cap)): the error is at most 2e-7 of the cap.
codegen::Vec SoftCap(codegen::Builder& b, const SoftCapConstants& constants, codegen::Vec x);

}  // namespace vivace::kernels
