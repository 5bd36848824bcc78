// What the readers of the weight types share: 32 weights at a time as vectors of float. A type is one struct
// in one file of this folder:
//   kElements, kBytes          of a block, as in the row of dtype.h; kElements is a multiple of 32
//   kElementBytes              of one value, for types whose rows may end in a partial block; else 0
//   kFill                      how random_row.cc makes a sane block
//   Read(block, group, w)      weights 32 * group .. 32 * group + 31 of a block, in order
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

VIVACE_INLINE float HalfAt(const std::byte* p) {
  std::uint16_t half;
  __builtin_memcpy(&half, p, sizeof(half));
  return HalfToFloat(half);
}
VIVACE_INLINE int ByteAt(const std::byte* p, int i) {
  return static_cast<int>(p[i]);
}
VIVACE_INLINE __m128i Load16(const std::byte* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p));
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

/// 16 bytes of two nibbles each: the low ones are elements 0 .. 15, the high ones 16 .. 31. The upper four
/// bits of a byte of the result hold anything.
VIVACE_INLINE Bytes32 SplitNibbles(const std::byte* p) {
  const __m128i packed = Load16(p);
  return {{packed, _mm_srli_epi16(packed, 4)}};
}
/// The low (shift 0) or high (shift 4) nibbles of 32 bytes; the upper four bits hold anything.
VIVACE_INLINE Bytes32 NibblesOf32(const std::byte* p, int shift) {
  return {{_mm_srli_epi16(Load16(p), shift), _mm_srli_epi16(Load16(p + 16), shift)}};
}
VIVACE_INLINE Bytes32 MaskNibbles(const Bytes32& q) {
  const __m128i mask = _mm_set1_epi8(15);
  return {{_mm_and_si128(q.half[0], mask), _mm_and_si128(q.half[1], mask)}};
}
VIVACE_INLINE Bytes32 Minus(const Bytes32& q, char zero) {
  const __m128i zeros = _mm_set1_epi8(zero);
  return {{_mm_sub_epi8(q.half[0], zeros), _mm_sub_epi8(q.half[1], zeros)}};
}
VIVACE_INLINE Bytes32 Or(const Bytes32& a, const Bytes32& b) {
  return {{_mm_or_si128(a.half[0], b.half[0]), _mm_or_si128(a.half[1], b.half[1])}};
}

#if defined(__AVX512F__)
/// values[low four bits of each byte]: all 16 values that a weight can have, then one permutation per 16.
VIVACE_INLINE void LookUp(const Bytes32& q, V values, V (&w)[kParts]) {
  for (int p = 0; p < 2; ++p) w[p] = _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(q.half[p]), values);
}
VIVACE_INLINE V Digits() {
  return V{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}
#endif

/// w = (q - zero) * scale for 4-bit q; the upper four bits of each byte are ignored.
VIVACE_INLINE void ScaleNibbles(const Bytes32& q, int zero, float scale, V (&w)[kParts]) {
#if defined(__AVX512F__)
  LookUp(q, (Digits() - Splat(static_cast<float>(zero))) * Splat(scale), w);
#else
  Scale(Minus(MaskNibbles(q), static_cast<char>(zero)), scale, w);
#endif
}
/// w = q * scale + offset for 4-bit q; the upper four bits of each byte are ignored.
VIVACE_INLINE void ScaleAndAddNibbles(const Bytes32& q, float scale, float offset, V (&w)[kParts]) {
#if defined(__AVX512F__)
  LookUp(q, Fma(Digits(), Splat(scale), Splat(offset)), w);
#else
  ScaleAndAdd(MaskNibbles(q), scale, offset, w);
#endif
}

/// Bit i of the 32 bits at p as 16 in byte i: the fifth bit of each weight.
VIVACE_INLINE Bytes32 FifthBits(const std::byte* p) {
  std::int32_t bits;
  __builtin_memcpy(&bits, p, sizeof(bits));
  const __m128i all = _mm_set1_epi32(bits);
  const __m128i of_byte = _mm_set1_epi64x(static_cast<std::int64_t>(0x8040201008040201u));
  const __m128i sixteen = _mm_set1_epi8(16);
  const __m128i low = _mm_shuffle_epi8(all, _mm_set_epi64x(0x0101010101010101, 0));
  const __m128i high = _mm_shuffle_epi8(all, _mm_set_epi64x(0x0303030303030303, 0x0202020202020202));
  return {{_mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(low, of_byte), of_byte), sixteen),
           _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(high, of_byte), of_byte), sixteen)}};
}

}  // namespace
}  // namespace vivace::tensor::types
