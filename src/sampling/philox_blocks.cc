#include "sampling/philox_blocks.h"

#include <smmintrin.h>

namespace vivace::sampling {
namespace {

// Lane i of each vector belongs to counter i.
struct Products {
  __m128i high, low;
};

Products Multiply(__m128i x, __m128i factor) {
  const __m128i even = _mm_mul_epu32(x, factor);
  const __m128i odd = _mm_mul_epu32(_mm_srli_epi64(x, 32), factor);
  constexpr int kOddLanes = 0xCC;
  return {_mm_blend_epi16(_mm_srli_epi64(even, 32), odd, kOddLanes),
          _mm_blend_epi16(even, _mm_slli_epi64(odd, 32), kOddLanes)};
}

__m128i Splat(std::uint32_t x) {
  return _mm_set1_epi32(static_cast<int>(x));
}

}  // namespace

PhiloxBlocks PhiloxFour(const PhiloxCounter& counter, const PhiloxKey& key) {
  constexpr int kRounds = 10;
  const __m128i factor0 = Splat(0xD2511F53u), factor1 = Splat(0xCD9E8D57u);
  __m128i c0 = _mm_add_epi32(Splat(counter[0]), _mm_setr_epi32(0, 1, 2, 3));
  __m128i c1 = Splat(counter[1]), c2 = Splat(counter[2]), c3 = Splat(counter[3]);
  __m128i key0 = Splat(key[0]), key1 = Splat(key[1]);
  for (int round = 0; round < kRounds; ++round) {
    const Products from0 = Multiply(c0, factor0), from2 = Multiply(c2, factor1);
    c0 = _mm_xor_si128(_mm_xor_si128(from2.high, c1), key0);
    c1 = from2.low;
    c2 = _mm_xor_si128(_mm_xor_si128(from0.high, c3), key1);
    c3 = from0.low;
    key0 = _mm_add_epi32(key0, Splat(0x9E3779B9u));
    key1 = _mm_add_epi32(key1, Splat(0xBB67AE85u));
  }
  PhiloxBlocks out;
  __m128i largest = _mm_max_epu32(_mm_max_epu32(c0, c1), _mm_max_epu32(c2, c3));
  largest = _mm_max_epu32(largest, _mm_shuffle_epi32(largest, 0x4E));  // with the other half
  largest = _mm_max_epu32(largest, _mm_shuffle_epi32(largest, 0xB1));  // with the neighbour
  out.largest = static_cast<std::uint32_t>(_mm_cvtsi128_si32(largest));
  const __m128i low01 = _mm_unpacklo_epi32(c0, c1), low23 = _mm_unpacklo_epi32(c2, c3);
  const __m128i high01 = _mm_unpackhi_epi32(c0, c1), high23 = _mm_unpackhi_epi32(c2, c3);
  auto* words = reinterpret_cast<__m128i*>(out.words.data());
  _mm_storeu_si128(words, _mm_unpacklo_epi64(low01, low23));
  _mm_storeu_si128(words + 1, _mm_unpackhi_epi64(low01, low23));
  _mm_storeu_si128(words + 2, _mm_unpacklo_epi64(high01, high23));
  _mm_storeu_si128(words + 3, _mm_unpackhi_epi64(high01, high23));
  return out;
}

}  // namespace vivace::sampling
