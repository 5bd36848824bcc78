// What the packers of one unit share (pack_floats.cc, pack_blocks.cc, pack_planes.cc): where the columns of a
// unit come from, and how 32 codes of four columns, transposed in registers, are laid out by their coding.
// The layout is tensor/packed_panel.h's. Internal to the packers; everything inline has internal linkage.
#pragma once

#include <smmintrin.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "tensor/packed_panel.h"
#include "tensor/weight_class.h"

namespace vivace::kernels {

inline constexpr int kUnitColumns = tensor::PanelLayout::kUnitColumns;

/// First bytes of the source row of each column of a unit; scales and minimums for classes that come as
/// planes (pack_panels.h).
struct UnitRows {
  std::array<const std::byte*, kUnitColumns> data, scales, minimums;
};

/// Packs all k of one unit.
using PackUnit = void(const UnitRows& rows, int k, std::byte* unit);
#define VIVACE_X(id, ...) PackUnit PackUnit##id;
VIVACE_WEIGHT_CLASSES(VIVACE_X)
#undef VIVACE_X

namespace pack {
namespace {

constexpr int kGroup = 32;  // codes along k that are handled at once
constexpr int kWords = 8;   // 32-bit words of 32 codes of a byte
constexpr int kLine = 128;  // bytes of one word of all columns of a unit

inline __m128i Load(const std::byte* source) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(source));
}
inline void Store(std::byte* target, __m128i words) {
  _mm_storeu_si128(reinterpret_cast<__m128i_u*>(target), words);
}

/// Word i of row r -> word r of row i.
inline void Transpose(__m128i (&rows)[4]) {
  const __m128i low01 = _mm_unpacklo_epi32(rows[0], rows[1]), high01 = _mm_unpackhi_epi32(rows[0], rows[1]);
  const __m128i low23 = _mm_unpacklo_epi32(rows[2], rows[3]), high23 = _mm_unpackhi_epi32(rows[2], rows[3]);
  rows[0] = _mm_unpacklo_epi64(low01, low23);
  rows[1] = _mm_unpackhi_epi64(low01, low23);
  rows[2] = _mm_unpacklo_epi64(high01, high23);
  rows[3] = _mm_unpackhi_epi64(high01, high23);
}

/// 32 codes, a byte each, of four columns: word[q] has k = 4q .. 4q+3 of one column after the other.
struct FourColumns {
  __m128i word[kWords];

  /// Half h of column r comes from load(r, h): its codes 16h .. 16h+15.
  template <class LoadHalf>
  explicit FourColumns(LoadHalf&& load) {
    for (int h = 0; h < 2; ++h) {
      __m128i rows[4];
      for (int r = 0; r < 4; ++r) rows[r] = load(r, h);
      Transpose(rows);
      for (int i = 0; i < 4; ++i) word[4 * h + i] = rows[i];
    }
  }

  /// The code as it is.
  void PutBytes(std::byte* target) const {
    for (int q = 0; q < kWords; ++q) Store(target + q * kLine, word[q]);
  }
  /// Bits shift .. shift + 3 of the codes: words 2j in low, 2j + 1 in high nibbles.
  template <int kShift>
  void PutNibbles(std::byte* target) const {
    const __m128i low = _mm_set1_epi8(0x0f), high = _mm_set1_epi8(static_cast<char>(0xf0));
    for (int j = 0; j < kWords / 2; ++j) {
      const __m128i even = _mm_and_si128(_mm_srli_epi16(word[2 * j], kShift), low);
      const __m128i odd = _mm_and_si128(_mm_slli_epi16(word[2 * j + 1], 4 - kShift), high);
      Store(target + j * kLine, _mm_or_si128(even, odd));
    }
  }
  /// Bit 4 of the code of word q as bit q.
  void PutFifthBits(std::byte* target) const {
    __m128i bits = _mm_setzero_si128();
    for (int q = 0; q < kWords; ++q) {
      const __m128i moved = q < 4 ? _mm_srli_epi16(word[q], 4 - q) : _mm_slli_epi16(word[q], q - 4);
      bits = _mm_or_si128(bits, _mm_and_si128(moved, _mm_set1_epi8(static_cast<char>(1 << q))));
    }
    Store(target, bits);
  }
  /// Bits 0 and 1 of the codes of words 4p + q as bits 2q and 2q + 1 of plane p.
  void PutBitPairs(std::byte* target) const {
    for (int p = 0; p < 2; ++p) {
      __m128i bits = _mm_setzero_si128();
      for (int q = 0; q < 4; ++q) {
        const __m128i mask = _mm_set1_epi8(static_cast<char>(3 << 2 * q));
        bits = _mm_or_si128(bits, _mm_and_si128(_mm_slli_epi16(word[4 * p + q], 2 * q), mask));
      }
      Store(target + p * kLine, bits);
    }
  }
};

/// Copies 2 bytes, a half.
inline void CopyHalf(std::byte* target, const std::byte* source) {
  std::memcpy(target, source, 2);
}

}  // namespace
}  // namespace pack
}  // namespace vivace::kernels
