// 8-bit quantisation of activations as vector IR, shared by every kernel that writes tensor::QuantizedRows.
#pragma once

#include <cstdint>

#include "codegen/vir.h"

namespace vivace::kernels {

/// Registers that QuantizeGroup reads: 4 vectors. Make them once, before a loop.
struct QuantizeConstants {
  codegen::Vec zero, u8_max, tiny, reciprocal_max;
};
QuantizeConstants MakeQuantizeConstants(codegen::Builder& b);

/// Where one group of 32 goes. `bytes` is the address of its 32 u8; `parameters` that of its scale, so that
/// the word and the sum lie at the given distances after it (word_offset - scale_offset,
/// sum_offset - scale_offset). `scratch` is the address of 64 bytes that are overwritten (lanes travel to
/// scalars through memory).
struct QuantizeTarget {
  codegen::Mem bytes;
  codegen::Mem parameters;
  std::int32_t word_distance;
  std::int32_t sum_distance;
  codegen::Mem scratch;
};

/// Quantises 32 values (lanes of v0, then of v1), asymmetric with zero in range:
///   lo = min(0, values), hi = max(0, values), scale = (hi - lo) / 255, zero = round(-lo / scale), u8 =
///   clamp(round(x / scale) + zero)
/// A range under 1e-30 gives scale 0 and all zeros. A NaN or an infinity among the values makes the scale and
/// the sum NaN (a range past float32 makes the scale infinite), so that whatever reads the group is no number
/// either. Needs up to 8 registers besides the constants, v0 and v1.
void QuantizeGroup(codegen::Builder& b, const QuantizeConstants& constants, codegen::Vec v0, codegen::Vec v1,
                   const QuantizeTarget& target);

}  // namespace vivace::kernels
