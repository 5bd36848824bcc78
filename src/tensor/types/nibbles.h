// Integers of 4 bits, and of 5 with the fifth apart, for the types that have such. AVX-512 looks the value of
// a weight up: a vector holds all 16 that a scale allows, and one permutation by the nibbles gives 16
// weights. The others convert integers. Internal linkage throughout, see tensor/lanes.h.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

#if defined(__AVX512F__)

/// 32 integers: the low four bits of each lane, the others hold anything.
struct Nibbles {
  VI lane[2];
};
/// The fifth bits of 32 integers.
struct FifthBits {
  __mmask16 half[2];
};

/// 16 bytes of two nibbles each: the low ones are elements 0 .. 15, the high ones 16 .. 31.
VIVACE_INLINE Nibbles SplitNibbles(const std::byte* p) {
  const VI bytes = _mm512_cvtepu8_epi32(Load16(p));
  return {{bytes, _mm512_srli_epi32(bytes, 4)}};
}
/// The low (shift 0) or high (shift 4) nibbles of 32 bytes.
VIVACE_INLINE Nibbles NibblesOf32(const std::byte* p, int shift) {
  const auto count = static_cast<unsigned>(shift);
  return {{_mm512_srli_epi32(_mm512_cvtepu8_epi32(Load16(p)), count),
           _mm512_srli_epi32(_mm512_cvtepu8_epi32(Load16(p + 16)), count)}};
}
/// Bit i of the 32 bits at p.
VIVACE_INLINE FifthBits FifthBitsAt(const std::byte* p) {
  FifthBits bits;
  __builtin_memcpy(&bits, p, sizeof(bits));
  return bits;
}
/// Bit `bit` of each of 32 bytes.
VIVACE_INLINE FifthBits FifthBitsOf32(const std::byte* p, int bit) {
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(1 << bit));
  return {{_mm_test_epi8_mask(Load16(p), wanted), _mm_test_epi8_mask(Load16(p + 16), wanted)}};
}

VIVACE_INLINE V DigitsFrom(int first) {
  return V{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + Splat(static_cast<float>(first));
}
VIVACE_INLINE void LookUp(const Nibbles& q, V values, V (&w)[kParts]) {
  for (int p = 0; p < 2; ++p) w[p] = _mm512_permutexvar_ps(q.lane[p], values);
}
/// `upper` for the integers with a fifth bit.
VIVACE_INLINE void LookUp(const Nibbles& q, const FifthBits& bits, V lower, V upper, V (&w)[kParts]) {
  LookUp(q, lower, w);
  for (int p = 0; p < 2; ++p) w[p] = _mm512_mask_permutexvar_ps(w[p], bits.half[p], q.lane[p], upper);
}

/// w = (q - zero) * scale.
VIVACE_INLINE void Scale(const Nibbles& q, int zero, float scale, V (&w)[kParts]) {
  LookUp(q, DigitsFrom(-zero) * Splat(scale), w);
}
VIVACE_INLINE void Scale(const Nibbles& q, const FifthBits& bits, int zero, float scale, V (&w)[kParts]) {
  LookUp(q, bits, DigitsFrom(-zero) * Splat(scale), DigitsFrom(16 - zero) * Splat(scale), w);
}
/// w = q * scale + offset.
VIVACE_INLINE void ScaleAndAdd(const Nibbles& q, float scale, float offset, V (&w)[kParts]) {
  LookUp(q, Fma(DigitsFrom(0), Splat(scale), Splat(offset)), w);
}
VIVACE_INLINE void ScaleAndAdd(const Nibbles& q, const FifthBits& bits, float scale, float offset,
                               V (&w)[kParts]) {
  const V scales = Splat(scale), offsets = Splat(offset);
  LookUp(q, bits, Fma(DigitsFrom(0), scales, offsets), Fma(DigitsFrom(16), scales, offsets), w);
}

#else  // the same functions without permutations

struct Nibbles {
  Bytes32 bytes;
};
struct FifthBits {
  Bytes32 bytes;  // 16 or 0
};

VIVACE_INLINE Nibbles SplitNibbles(const std::byte* p) {
  const __m128i packed = Load16(p), mask = _mm_set1_epi8(15);
  return {{{_mm_and_si128(packed, mask), _mm_and_si128(_mm_srli_epi16(packed, 4), mask)}}};
}
VIVACE_INLINE Nibbles NibblesOf32(const std::byte* p, int shift) {
  return {MaskedNibbles(p, shift)};
}
/// 16 in the bytes that have all bits of `wanted`.
VIVACE_INLINE __m128i SixteenWhere(__m128i bytes, __m128i wanted) {
  return _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(bytes, wanted), wanted), _mm_set1_epi8(16));
}
VIVACE_INLINE FifthBits FifthBitsAt(const std::byte* p) {
  std::int32_t bits;
  __builtin_memcpy(&bits, p, sizeof(bits));
  const __m128i all = _mm_set1_epi32(bits);
  const __m128i wanted = _mm_set1_epi64x(static_cast<std::int64_t>(0x8040201008040201u));
  const __m128i low = _mm_shuffle_epi8(all, _mm_set_epi64x(0x0101010101010101, 0));
  const __m128i high = _mm_shuffle_epi8(all, _mm_set_epi64x(0x0303030303030303, 0x0202020202020202));
  return {{{SixteenWhere(low, wanted), SixteenWhere(high, wanted)}}};
}
VIVACE_INLINE FifthBits FifthBitsOf32(const std::byte* p, int bit) {
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(1 << bit));
  return {{{SixteenWhere(Load16(p), wanted), SixteenWhere(Load16(p + 16), wanted)}}};
}

VIVACE_INLINE void Scale(const Nibbles& q, int zero, float scale, V (&w)[kParts]) {
  Scale(Minus(q.bytes, zero), scale, w);
}
VIVACE_INLINE void Scale(const Nibbles& q, const FifthBits& bits, int zero, float scale, V (&w)[kParts]) {
  Scale(Minus(Or(q.bytes, bits.bytes), zero), scale, w);
}
VIVACE_INLINE void ScaleAndAdd(const Nibbles& q, float scale, float offset, V (&w)[kParts]) {
  ScaleAndAdd(q.bytes, scale, offset, w);
}
VIVACE_INLINE void ScaleAndAdd(const Nibbles& q, const FifthBits& bits, float scale, float offset,
                               V (&w)[kParts]) {
  ScaleAndAdd(Or(q.bytes, bits.bytes), scale, offset, w);
}

#endif

}  // namespace
}  // namespace vivace::tensor::types
