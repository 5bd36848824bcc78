// The upper half of a binary32.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

struct BF16 {
  static constexpr int kElements = 32, kBytes = 64, kElementBytes = 2;
  static constexpr BlockFill kFill = {};
  VIVACE_INLINE Opened Open(const std::byte*) { return {}; }
  VIVACE_INLINE void Read(const std::byte* block, const Opened&, int, V (&w)[kParts]) {
    for (int p = 0; p < kParts; ++p) w[p] = Widen(block + p * kLanes * 2);
  }

 private:
  VIVACE_INLINE V Widen(const std::byte* p) {
#if defined(__AVX512F__)
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(p));
    return (V)_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16);
#elif defined(__AVX2__)
    return (V)_mm256_slli_epi32(_mm256_cvtepu16_epi32(Load16(p)), 16);
#else
    return (V)_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadu_si64(p));
#endif
  }
};

}  // namespace
}  // namespace vivace::tensor::types
