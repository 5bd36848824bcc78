// f16 d, f16 d_minimum, 12 bytes of 6-bit scales and minimums (k_scales.h), 32 bytes whose bit g is the fifth
// bit in group g, 128 bytes of nibbles as in q4_k.h. w = q * (d * scale6) - d_minimum * minimum6.
#pragma once

#include "tensor/types/k_scales.h"

namespace vivace::tensor::types {
namespace {

struct Q5_K {
  static constexpr int kElements = 256, kBytes = 176, kElementBytes = 0;
  static constexpr BlockFill kFill = {
      .scale_at = 0, .minimum_at = 2, .deviation = 337.0f, .centre = 15.5f, .paired_scales_at = 4};
  VIVACE_INLINE void Read(const std::byte* block, int group, V (&w)[kParts]) {
    const ScaleAndOffset s = KScale(block, group);
    const Bytes32 low = MaskNibbles(NibblesOf32(block + 48 + group / 2 * 32, group % 2 * 4));
    ScaleAndAdd(Or(low, BitOf32(block + 16, group)), s.scale, s.offset, w);
  }

 private:
  /// 16 in each of 32 bytes that has bit `bit`.
  VIVACE_INLINE Bytes32 BitOf32(const std::byte* p, int bit) {
    const __m128i wanted = _mm_set1_epi8(static_cast<char>(1 << bit)), sixteen = _mm_set1_epi8(16);
    Bytes32 bits;
    for (int i = 0; i < 2; ++i) {
      const __m128i found = _mm_cmpeq_epi8(_mm_and_si128(Load16(p + 16 * i), wanted), wanted);
      bits.half[i] = _mm_and_si128(found, sixteen);
    }
    return bits;
  }
};

}  // namespace
}  // namespace vivace::tensor::types
