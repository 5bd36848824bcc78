// Quantisation of activations as vector IR, shared by every kernel that writes tensor::QuantizedRows.
//
// One group of values is quantised asymmetrically with zero in range, top being 255 or 65535:
//   lo = min(0, values), hi = max(0, values), scale = (hi - lo) / top, zero = round(-lo / scale),
//   q = clamp(round(x / scale) + zero, 0, top)
// A range under 1e-30 gives scale 0 and all zeros. A NaN or an infinity among the values makes the scale and
// the sum NaN (a range past float32 makes the scale infinite), so that whatever reads the group is no number
// either.
#pragma once

#include <cstdint>

#include "codegen/vir.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

/// Registers that the quantisers read: 4 vectors. Make them once, before a loop.
struct QuantizeConstants {
  codegen::Vec zero, u8_max, tiny, reciprocal_max;
};
QuantizeConstants MakeQuantizeConstants(codegen::Builder& b);

/// The same for kI16Group32: 7 vectors.
struct QuantizeI16Constants {
  QuantizeConstants base;  // of 65535
  codegen::Vec low_byte, inverse_256, group;
};
QuantizeI16Constants MakeQuantizeI16Constants(codegen::Builder& b);

/// Where one group goes. `bytes` is the address of its u8 (of the high plane); `parameters` that of its
/// scale, so that the word and the sum lie at the given distances after it (word_offset - scale_offset,
/// sum_offset - scale_offset). `scratch` is the address of 64 bytes that are overwritten (lanes travel to
/// scalars through memory).
struct QuantizeTarget {
  codegen::Mem bytes;
  codegen::Mem parameters;
  std::int32_t word_distance;
  std::int32_t sum_distance;
  codegen::Mem scratch;
  std::int32_t plane_distance = 0;     // kI16Group32: from the high to the low plane
  std::int32_t low_word_distance = 0;  // kI16Group32: from the scale to the low plane's word
};
/// The distances of `rows`.
QuantizeTarget MakeQuantizeTarget(const tensor::QuantizedRows& rows, codegen::Mem bytes,
                                  codegen::Mem parameters, codegen::Mem scratch);

/// kU8Group32: 32 values, lanes of v0, then of v1. Needs up to 5 registers besides the constants, v0 and v1.
void QuantizeGroup(codegen::Builder& b, const QuantizeConstants& constants, codegen::Vec v0, codegen::Vec v1,
                   const QuantizeTarget& target);

/// kU8Group64: 64 values in memory, f32. Needs up to 6 registers besides the constants.
void QuantizeGroup64(codegen::Builder& b, const QuantizeConstants& constants, codegen::Mem values,
                     const QuantizeTarget& target);

/// kI16Group32: 32 values. Needs up to 5 registers besides the constants, v0 and v1.
void QuantizeGroupI16(codegen::Builder& b, const QuantizeI16Constants& constants, codegen::Vec v0,
                      codegen::Vec v1, const QuantizeTarget& target);

}  // namespace vivace::kernels
