// What the readers of the weight types share: 32 weights at a time as vectors of float. A type is one struct
// in one file of this folder:
//   kElements, kBytes          of a block, as in the row of dtype.h; kElements is a multiple of 32
//   kElementBytes              of one value, for types whose rows may end in a partial block; else 0
//   kFill                      how random_row.cc makes a sane block
//   Open(block)                what the groups of a block share (its scales); Opened when there is nothing
//   Read(block, opened, group, w)   weights 32 * group .. 32 * group + 31 of a block, in order
// Every result is scale * integer (+ offset); compiled without FMA (tensor/dequantize.cc) it is rounded as
// the GGUF reference rounds it. Internal linkage throughout, see tensor/lanes.h.
#pragma once

#include "tensor/lanes.h"

namespace vivace::tensor::types {
namespace {

using namespace tensor::lanes;

constexpr int kGroup = 32;  // weights that a reader gives at once
constexpr int kParts = kGroup / kLanes;

/// Where a block keeps its f16 scale (and minimum), and what random integers give: values with this deviation
/// at scale 1, around `centre`. paired_scales: where the 6-bit scales and minimums of a K type lie.
struct BlockFill {
  int scale_at = -1, minimum_at = -1;
  float deviation = 1, centre = 0;
  int paired_scales_at = -1;
};

struct Opened {};

VIVACE_INLINE float HalfAt(const std::byte* p) {
  std::uint16_t half;
  __builtin_memcpy(&half, p, sizeof(half));
  return HalfToFloat(half);
}
VIVACE_INLINE __m128i Load16(const std::byte* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p));
}

/// kLanes signed bytes as floats.
VIVACE_INLINE V SignedBytesToFloats(const std::byte* p) {
#if defined(__AVX512F__)
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(Load16(p)));
#elif defined(__AVX2__)
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadu_si64(p)));
#else
  return _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_loadu_si32(p)));
#endif
}

/// 32 integers of 8 bits.
struct Bytes32 {
  __m128i half[2];
};

/// Signed bytes as floats.
VIVACE_INLINE void ToFloats(const Bytes32& bytes, V (&w)[kParts]) {
#if defined(__AVX512F__)
  for (int p = 0; p < 2; ++p) w[p] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes.half[p]));
#elif defined(__AVX2__)
  for (int p = 0; p < 2; ++p) {
    w[2 * p] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes.half[p]));
    w[2 * p + 1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes.half[p], 8)));
  }
#else
  for (int p = 0; p < 2; ++p) {
    w[4 * p] = _mm_cvtepi32_ps(_mm_cvtepi8_epi32(bytes.half[p]));
    w[4 * p + 1] = _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_srli_si128(bytes.half[p], 4)));
    w[4 * p + 2] = _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_srli_si128(bytes.half[p], 8)));
    w[4 * p + 3] = _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_srli_si128(bytes.half[p], 12)));
  }
#endif
}

/// w = q * scale.
VIVACE_INLINE void Scale(const Bytes32& q, float scale, V (&w)[kParts]) {
  ToFloats(q, w);
  const V scales = Splat(scale);
  for (int p = 0; p < kParts; ++p) w[p] *= scales;
}
/// w = q * scale + offset.
VIVACE_INLINE void ScaleAndAdd(const Bytes32& q, float scale, float offset, V (&w)[kParts]) {
  ToFloats(q, w);
  const V scales = Splat(scale), offsets = Splat(offset);
  for (int p = 0; p < kParts; ++p) w[p] = Fma(w[p], scales, offsets);
}

/// The low (shift 0) or high (shift 4) nibbles of 32 bytes.
VIVACE_INLINE Bytes32 MaskedNibbles(const std::byte* p, int shift) {
  const __m128i mask = _mm_set1_epi8(15);
  return {{_mm_and_si128(_mm_srli_epi16(Load16(p), shift), mask),
           _mm_and_si128(_mm_srli_epi16(Load16(p + 16), shift), mask)}};
}
VIVACE_INLINE Bytes32 Minus(const Bytes32& q, int zero) {
  const __m128i zeros = _mm_set1_epi8(static_cast<char>(zero));
  return {{_mm_sub_epi8(q.half[0], zeros), _mm_sub_epi8(q.half[1], zeros)}};
}
VIVACE_INLINE Bytes32 Or(const Bytes32& a, const Bytes32& b) {
  return {{_mm_or_si128(a.half[0], b.half[0]), _mm_or_si128(a.half[1], b.half[1])}};
}

}  // namespace
}  // namespace vivace::tensor::types
