// The 12 bytes of 6-bit scales and minimums that Q4_K and Q5_K share, for 8 groups of 32: byte i and i + 4
// have scale and minimum of group i in their low six bits (i < 4); groups 4 .. 7 have four bits in byte 8 + i
// (scale low, minimum high) and their upper two in the top of bytes i and i + 4.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

/// By group: scale = d * scale6, offset = -(d_minimum * minimum6).
struct KScales {
  float scale[8], offset[8];
};

/// out[i] = (byte i of `bytes`) * factor.
VIVACE_INLINE void ScaleBytes(std::uint32_t bytes, float factor, float* out) {
  const __m128 values = _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(static_cast<int>(bytes))));
  _mm_storeu_ps(out, _mm_mul_ps(values, _mm_set1_ps(factor)));
}

/// `block` starts with f16 d, f16 d_minimum, 12 bytes.
VIVACE_INLINE KScales OpenKScales(const std::byte* block) {
  std::uint32_t words[3];
  __builtin_memcpy(words, block + 4, sizeof(words));
  const float d = HalfAt(block), minus_minimum = -HalfAt(block + 2);
  KScales scales;
  ScaleBytes(words[0] & 0x3f3f3f3fu, d, scales.scale);
  ScaleBytes(words[1] & 0x3f3f3f3fu, minus_minimum, scales.offset);
  ScaleBytes((words[2] & 0x0f0f0f0fu) | ((words[0] >> 2) & 0x30303030u), d, scales.scale + 4);
  ScaleBytes(((words[2] >> 4) & 0x0f0f0f0fu) | ((words[1] >> 2) & 0x30303030u), minus_minimum,
             scales.offset + 4);
  return scales;
}

}  // namespace
}  // namespace vivace::tensor::types
