// PackPanels: checkpoint rows to packed units, exactly. Four rows at a time: their 32-bit words are
// transposed in registers, so that four columns of 4 bytes come out side by side. See panel.h and
// tensor/packed_panel.h. Pure; any range of panels may be packed on any thread.
#include <smmintrin.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "kernels/panel.h"

namespace vivace::kernels {

using tensor::ColumnOrder;
using tensor::PanelLayout;
using tensor::WeightClass;

namespace {

constexpr int kUnit = PanelLayout::kUnitColumns;
constexpr int kQ4Block = 20;  // f16 scale, f16 minimum, 16 bytes
constexpr int kQ8Block = 34;  // f16 scale, 32 bytes

// First byte of the checkpoint row of each column of a unit.
using UnitRows = std::array<const std::byte*, kUnit>;

__m128i LoadWords(const std::byte* source) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(source));
}
void StoreWords(std::byte* target, __m128i words) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(target), words);
}

// Word i of row r -> word r of row i.
void Transpose(__m128i (&rows)[4]) {
  const __m128i low01 = _mm_unpacklo_epi32(rows[0], rows[1]), high01 = _mm_unpackhi_epi32(rows[0], rows[1]);
  const __m128i low23 = _mm_unpacklo_epi32(rows[2], rows[3]), high23 = _mm_unpackhi_epi32(rows[2], rows[3]);
  rows[0] = _mm_unpacklo_epi64(low01, low23);
  rows[1] = _mm_unpackhi_epi64(low01, low23);
  rows[2] = _mm_unpacklo_epi64(high01, high23);
  rows[3] = _mm_unpackhi_epi64(high01, high23);
}

// Four columns of one group: words w0 .. w3 of each block hold k = 4i .. 4i+3 in low and k = 16+4i .. in high
// nibbles.
void PackNibbles(const std::byte* const* blocks, std::size_t offset, std::byte* target) {
  __m128i w[4];
  for (int r = 0; r < 4; ++r) w[r] = LoadWords(blocks[r] + offset + 4);
  Transpose(w);
  const __m128i low = _mm_set1_epi8(0x0f), high = _mm_set1_epi8(static_cast<char>(0xf0));
  for (int i = 0; i < 2; ++i) {
    const __m128i even = w[2 * i], odd = w[2 * i + 1];
    StoreWords(target + i * 128,
               _mm_or_si128(_mm_and_si128(even, low), _mm_and_si128(_mm_slli_epi16(odd, 4), high)));
    StoreWords(target + (i + 2) * 128,
               _mm_or_si128(_mm_and_si128(_mm_srli_epi16(even, 4), low), _mm_and_si128(odd, high)));
  }
}

// Scales and minimums of four columns: blocks start with both, as two halves.
void PackScales(const std::byte* const* blocks, std::size_t offset, std::byte* scales, std::byte* minimums) {
  for (int r = 0; r < 4; ++r) {
    std::memcpy(scales + 2 * r, blocks[r] + offset, 2);
    std::memcpy(minimums + 2 * r, blocks[r] + offset + 2, 2);
  }
}

void PackQ4Unit(const UnitRows& rows, int groups, std::byte* unit) {
  for (int g = 0; g < groups; ++g, unit += 640) {
    const std::size_t offset = static_cast<std::size_t>(g) * kQ4Block;
    for (int c = 0; c < kUnit; c += 4) {
      PackNibbles(&rows[c], offset, unit + c * 4);
      PackScales(&rows[c], offset, unit + 512 + c * 2, unit + 576 + c * 2);
    }
  }
}

void PackQ8Unit(const UnitRows& rows, int groups, std::byte* unit) {
  for (int g = 0; g < groups; ++g, unit += 1088) {
    const std::size_t offset = static_cast<std::size_t>(g) * kQ8Block;
    for (int c = 0; c < kUnit; c += 4) {
      for (int half = 0; half < 2; ++half) {
        __m128i w[4];
        for (int r = 0; r < 4; ++r) w[r] = LoadWords(rows[c + r] + offset + 2 + half * 16);
        Transpose(w);
        for (int i = 0; i < 4; ++i) StoreWords(unit + (4 * half + i) * 128 + c * 4, w[i]);
      }
      for (int r = 0; r < 4; ++r) std::memcpy(unit + 1024 + 2 * (c + r), rows[c + r] + offset, 2);
    }
  }
}

// Which checkpoint row, counted over all sources, a column takes.
int SourceRow(ColumnOrder order, int column, int rope_rows, int first_source_rows) {
  const int unit = column / kUnit, lane = column % kUnit;
  if (order == ColumnOrder::kGateUpPairs)
    return unit / 2 * kUnit + lane + (unit % 2 == 0 ? 0 : first_source_rows);
  if (order == ColumnOrder::kRopePairs && column < rope_rows) return unit * kUnit + lane % 16 * 2 + lane / 16;
  return column;
}

struct RowFinder {
  const std::vector<PackSource>& sources;
  std::size_t row_bytes;

  const std::byte* Find(int row) const {
    for (const PackSource& source : sources) {
      if (row < source.rows) return source.data + static_cast<std::size_t>(row) * row_bytes;
      row -= source.rows;
    }
    return nullptr;
  }
};

}  // namespace

void PackPanels(const PanelLayout& layout, ColumnOrder order, const std::vector<PackSource>& sources,
                int rope_rows, int head_dim, int first_panel, int last_panel, std::byte* panels) {
  VIVACE_CHECK(layout.type == WeightClass::kQ4_1 || layout.type == WeightClass::kQ8_0);
  VIVACE_CHECK(order != ColumnOrder::kRopePairs || (head_dim % kUnit == 0 && rope_rows % head_dim == 0));
  VIVACE_CHECK(order != ColumnOrder::kGateUpPairs ||
               (sources.size() == 2 && sources[0].rows == sources[1].rows && sources[0].rows % kUnit == 0));
  const std::size_t row_bytes =
      static_cast<std::size_t>(layout.blocks()) * (layout.type == WeightClass::kQ4_1 ? kQ4Block : kQ8Block);
  const RowFinder finder{sources, row_bytes};
  // Columns past N read a row of zeros.
  const std::vector<std::byte> zeros(
      last_panel == layout.panels() && layout.n % PanelLayout::kColumns != 0 ? row_bytes : 0);
  for (int u = 2 * first_panel; u < 2 * last_panel; ++u) {
    UnitRows rows;
    for (int lane = 0; lane < kUnit; ++lane) {
      const int column = u * kUnit + lane;
      rows[lane] = column < layout.n ? finder.Find(SourceRow(order, column, rope_rows, sources[0].rows))
                                     : zeros.data();
    }
    std::byte* unit = panels + u * layout.unit_bytes();
    if (layout.type == WeightClass::kQ4_1) {
      PackQ4Unit(rows, layout.blocks(), unit);
    } else {
      PackQ8Unit(rows, layout.blocks(), unit);
    }
  }
}

}  // namespace vivace::kernels
