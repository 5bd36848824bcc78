// Packers of F32, F16 and BF16: transposes of elements. A line of 64 bytes of a row is read whole before the
// next row's, because rows of a power of two lie in the same sets of the cache.
#include "kernels/pack_units.h"

namespace vivace::kernels {
namespace {

using pack::kLine;

constexpr int kCacheLine = 64;

/// Rows of 32-bit words: word i of column c goes to target + 128i + 4c.
void PackWords(const UnitRows& rows, int words, std::byte* unit) {
  constexpr int kLineWords = kCacheLine / 4;
  for (int first = 0; first < words; first += kLineWords, unit += kLineWords * kLine) {
    for (int c = 0; c < kUnitColumns; c += 4) {
      for (int part = 0; part < 4 && first + 4 * part < words; ++part) {
        __m128i four[4];
        for (int r = 0; r < 4; ++r) four[r] = pack::Load(rows.data[c + r] + 4 * first + 16 * part);
        pack::Transpose(four);
        for (int i = 0; i < 4; ++i) pack::Store(unit + (4 * part + i) * kLine + 4 * c, four[i]);
      }
    }
  }
}

/// Half i of row r -> half r of row i.
void TransposeHalves(__m128i (&rows)[8]) {
  __m128i pairs[8];
  for (int i = 0; i < 4; ++i) {
    pairs[i] = _mm_unpacklo_epi16(rows[2 * i], rows[2 * i + 1]);      // k = 0 .. 3 of rows 2i, 2i + 1
    pairs[4 + i] = _mm_unpackhi_epi16(rows[2 * i], rows[2 * i + 1]);  // k = 4 .. 7
  }
  for (int half = 0; half < 2; ++half) {
    __m128i words[4];
    for (int i = 0; i < 4; ++i) words[i] = pairs[4 * half + i];
    pack::Transpose(words);
    for (int i = 0; i < 4; ++i) rows[4 * half + i] = words[i];
  }
}

}  // namespace

void PackUnitF32(const UnitRows& rows, int k, std::byte* unit) {
  PackWords(rows, k, unit);
}

// A word is two k, which is how a unit has them.
void PackUnitBF16(const UnitRows& rows, int k, std::byte* unit) {
  PackWords(rows, k / 2, unit);
}

void PackUnitF16(const UnitRows& rows, int k, std::byte* unit) {
  constexpr int kHalves = kCacheLine / 2, kRow = kUnitColumns * 2;
  for (int first = 0; first < k; first += kHalves, unit += kHalves * kRow) {
    for (int c = 0; c < kUnitColumns; c += 8) {
      for (int part = 0; part < 4; ++part) {
        __m128i eight[8];
        for (int r = 0; r < 8; ++r) eight[r] = pack::Load(rows.data[c + r] + 2 * first + 16 * part);
        TransposeHalves(eight);
        for (int i = 0; i < 8; ++i) pack::Store(unit + (8 * part + i) * kRow + 2 * c, eight[i]);
      }
    }
  }
}

}  // namespace vivace::kernels
