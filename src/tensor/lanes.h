// One float vector of the instruction set that the including file is compiled for: kLanes lanes, with the few
// operations that reading weights and the portable kernels need. Everything here has internal linkage,
// because files compiled for different instruction sets include it (kernels/portable_tables.h says why).
// Multiply-adds are fused where the machine can, never by the compiler's choice; without FMA they round
// twice.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace vivace::tensor::lanes {
namespace {

#if defined(__AVX512F__)
using V = __m512;
using VI = __m512i;
typedef int LaneMask __attribute__((vector_size(64)));
constexpr int kLanes = 16;
#elif defined(__AVX2__)
using V = __m256;
using VI = __m256i;
typedef int LaneMask __attribute__((vector_size(32)));
constexpr int kLanes = 8;
#else
using V = __m128;
using VI = __m128i;
typedef int LaneMask __attribute__((vector_size(16)));
constexpr int kLanes = 4;
#endif
#define VIVACE_INLINE static inline __attribute__((always_inline))

VIVACE_INLINE V Load(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
VIVACE_INLINE void Store(float* p, V v) {
  __builtin_memcpy(p, &v, sizeof(v));
}
VIVACE_INLINE V Splat(float x) {
  return x - V{};
}

/// IEEE half to float, by integer arithmetic and one exact subtraction (works with denormals flushed).
VIVACE_INLINE float HalfToFloat(std::uint16_t half) {
#if defined(__F16C__)
  return _cvtsh_ss(half);
#else
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  std::uint32_t bits = static_cast<std::uint32_t>(half & 0x7fff) << 13;
  if (bits >= 0x0f800000u) {
    bits += 0x70000000u;  // infinity, NaN: exponent 31 -> 255
  } else if (bits >= 0x00800000u) {
    bits += 0x38000000u;  // exponent bias 15 -> 127
  } else {
    bits += 0x38800000u;  // 2^-14 * (1 + mantissa): the leading one is subtracted
    bits = __builtin_bit_cast(std::uint32_t, __builtin_bit_cast(float, bits) - 6.103515625e-05f);
  }
  return __builtin_bit_cast(float, bits | sign);
#endif
}

/// Float to IEEE half, to nearest even, denormal halves kept, overflow to infinity.
VIVACE_INLINE std::uint16_t FloatToHalf(float value) {
#if defined(__F16C__)
  return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const std::uint32_t all = __builtin_bit_cast(std::uint32_t, value);
  const std::uint16_t sign = static_cast<std::uint16_t>((all >> 16) & 0x8000);
  const std::uint32_t bits = all & 0x7fffffffu;
  if (bits > 0x7f800000u) return sign | 0x7e00;
  if (bits >= 0x477ff000u) return sign | 0x7c00;
  if (bits < 0x38800000u) {  // below 2^-14: adding 0.5 puts the unit of a denormal half on the last bit
    const float aligned = __builtin_bit_cast(float, bits) + 0.5f;
    return static_cast<std::uint16_t>(sign | (__builtin_bit_cast(std::uint32_t, aligned) - 0x3f000000u));
  }
  return static_cast<std::uint16_t>(sign | ((bits - 0x38000000u + 0xfffu + ((bits >> 13) & 1)) >> 13));
#endif
}

/// kLanes halves at p.
VIVACE_INLINE V LoadHalf(const std::byte* p) {
#if defined(__AVX512F__)
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(p)));
#elif defined(__AVX2__)
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p)));
#else
  std::uint16_t half[kLanes];
  __builtin_memcpy(half, p, sizeof(half));
  V v;
  for (int i = 0; i < kLanes; ++i) v[i] = HalfToFloat(half[i]);
  return v;
#endif
}

/// a * b + c, one rounding where the instruction set has it.
VIVACE_INLINE V Fma(V a, V b, V c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}
VIVACE_INLINE float FmaScalar(float a, float b, float c) {
#if defined(__FMA__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
VIVACE_INLINE V Max(V a, V b) {
  return a > b ? a : b;
}
VIVACE_INLINE V Min(V a, V b) {
  return a < b ? a : b;
}

/// Sum of the lanes; tree: lanes i and i + kLanes / 2, then halves again.
VIVACE_INLINE float SumLanes(V v) {
#if defined(__AVX512F__)
  const __m256 eight = _mm512_castps512_ps256(v) + _mm512_extractf32x8_ps(v, 1);
  const __m128 four = _mm256_castps256_ps128(eight) + _mm256_extractf128_ps(eight, 1);
#elif defined(__AVX2__)
  const __m128 four = _mm256_castps256_ps128(v) + _mm256_extractf128_ps(v, 1);
#else
  const __m128 four = v;
#endif
  const __m128 two = four + _mm_movehl_ps(four, four);
  return two[0] + two[1];
}
VIVACE_INLINE float MaxLanes(V v) {
  float best = v[0];
  for (int i = 1; i < kLanes; ++i) best = v[i] > best ? v[i] : best;
  return best;
}

}  // namespace
}  // namespace vivace::tensor::lanes
