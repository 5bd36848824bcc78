// f16 d, f16 d_minimum, 12 bytes of 6-bit scales and minimums (k_scales.h), 128 bytes: of 32 bytes the low
// nibbles are one group of 32 and the high nibbles the next. w = q * (d * scale6) - d_minimum * minimum6.
#pragma once

#include "tensor/types/k_scales.h"
#include "tensor/types/nibbles.h"

namespace vivace::tensor::types {
namespace {

struct Q4_K {
  static constexpr int kElements = 256, kBytes = 144, kElementBytes = 0;
  static constexpr BlockFill kFill = {
      .scale_at = 0, .minimum_at = 2, .deviation = 168.0f, .centre = 7.5f, .paired_scales_at = 4};
  VIVACE_INLINE KScales Open(const std::byte* block) { return OpenKScales(block); }
  VIVACE_INLINE void Read(const std::byte* block, const KScales& s, int group, V (&w)[kParts]) {
    ScaleAndAdd(NibblesOf32(block + 16 + group / 2 * 32, group % 2 * 4), s.scale[group], s.offset[group], w);
  }
};

}  // namespace
}  // namespace vivace::tensor::types
