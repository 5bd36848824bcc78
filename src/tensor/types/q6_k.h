// Two halves of 128 weights: 64 bytes each of low nibbles, then 32 bytes each of upper pairs of bits, then 16
// signed scales for 16 weights each, then f16 d. Group j of a half has the low (j < 2) or high nibbles of 32
// bytes and bits 2j, 2j + 1 of the pairs. w = (q - 32) * (d * scale8).
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

struct Q6_K {
  static constexpr int kElements = 256, kBytes = 210, kElementBytes = 0;
  static constexpr BlockFill kFill = {.scale_at = 208, .deviation = 1365.0f};
  struct Scales {
    float of16[16];
  };
  VIVACE_INLINE Scales Open(const std::byte* block) {
    Scales scales;
    const V d = Splat(HalfAt(block + 208));
    for (int i = 0; i < 16; i += kLanes) Store(scales.of16 + i, SignedBytesToFloats(block + 192 + i) * d);
    return scales;
  }
  VIVACE_INLINE void Read(const std::byte* block, const Scales& s, int group, V (&w)[kParts]) {
    const int half = group / 4, j = group % 4;
    const Bytes32 low = MaskedNibbles(block + half * 64 + j % 2 * 32, j / 2 * 4);
    const std::byte* pairs = block + 128 + half * 32;
    const __m128i mask = _mm_set1_epi8(48);
    Bytes32 high;
    for (int i = 0; i < 2; ++i) {
      const __m128i packed = Load16(pairs + 16 * i);
      const __m128i moved = j < 2 ? _mm_slli_epi16(packed, 4 - 2 * j) : _mm_srli_epi16(packed, 2 * j - 4);
      high.half[i] = _mm_and_si128(moved, mask);
    }
    ToFloats(Minus(Or(low, high), 32), w);
    for (int i = 0; i < 2; ++i) {
      const V scales = Splat(s.of16[2 * group + i]);
      for (int p = 0; p < kParts / 2; ++p) w[i * (kParts / 2) + p] *= scales;
    }
  }
};

}  // namespace
}  // namespace vivace::tensor::types
