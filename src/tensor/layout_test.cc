// The arithmetic of the layouts in kv_layout.h, packed_panel.h and quantized_rows.h: every element has its
// own place, inside its row.
#include <gtest/gtest.h>

#include <set>

#include "tensor/kv_layout.h"
#include "tensor/packed_panel.h"
#include "tensor/quantized_rows.h"

namespace vivace::tensor {
namespace {

TEST(KvLayout, ElementsOfABlockFillItWithoutOverlap) {
  for (const DType type : {DType::kF16, DType::kBF16, DType::kF32, DType::kI8}) {
    const KvLayout layout{.layers = 2, .kv_heads = 3, .head_dim = 16, .type = type, .blocks = 5};
    std::set<std::size_t> places;
    for (int head = 0; head < layout.kv_heads; ++head) {
      for (int slot = 0; slot < KvLayout::kBlockTokens; ++slot) {
        for (int dim = 0; dim < layout.head_dim; ++dim) {
          EXPECT_LT(layout.k_offset(head, dim, slot), head * layout.head_bytes() + layout.v_offset());
          EXPECT_LT(layout.v_element_offset(head, slot, dim), (head + 1) * layout.head_bytes());
          places.insert(layout.k_offset(head, dim, slot));
          places.insert(layout.v_element_offset(head, slot, dim));
        }
      }
    }
    const std::size_t scale_bytes = layout.has_scales() ? 2 * 3 * 16 * sizeof(float) : 0;
    EXPECT_EQ(places.size() * static_cast<std::size_t>(layout.element_bytes()) + scale_bytes,
              layout.block_stride());
    EXPECT_EQ(layout.bytes(), 2 * 5 * layout.block_stride());
    EXPECT_EQ(layout.k_offset(0, 0, 1) - layout.k_offset(0, 0, 0),
              static_cast<std::size_t>(layout.element_bytes()));
  }
}

TEST(KvLayout, ScalesFollowTheCodesOfTheirHead) {
  const KvLayout layout{.layers = 1, .kv_heads = 3, .head_dim = 80, .type = DType::kI8, .blocks = 2};
  EXPECT_EQ(layout.block_stride(), std::size_t{2 * 3 * 16 * (80 + 4)});
  for (int head = 0; head < layout.kv_heads; ++head) {
    EXPECT_EQ(layout.k_scale_offset(head, 0), layout.k_offset(head, 79, 15) + 1);
    EXPECT_EQ(layout.v_scale_offset(head, 0), layout.v_element_offset(head, 15, 79) + 1);
    EXPECT_EQ(layout.k_scale_offset(head, 15) + 4, layout.v_element_offset(head, 0, 0));
    EXPECT_EQ(layout.v_scale_offset(head, 15) + 4, (head + 1) * layout.head_bytes());
    EXPECT_EQ(layout.k_scale_offset(head, 0) % 64, 0u);
  }
}

TEST(PanelLayout, PackedBytesAreCloseToTheCheckpoints) {
  for (int c = 0; c < kWeightTypes; ++c) {
    const WeightClassRow& row = kWeightClassRows[c];
    const DTypeRow& source = Row(*DTypeOf(row.id));
    for (const int k : {256, 768, 4096}) {
      const PanelLayout layout{row.id, k, 128};
      const std::size_t checkpoint = std::size_t{128} * k / source.block_elements * source.block_bytes;
      EXPECT_GE(layout.bytes(), checkpoint) << row.name;
      EXPECT_LE(static_cast<double>(layout.bytes()), 1.06 * static_cast<double>(checkpoint)) << row.name;
    }
  }
}

TEST(PanelLayout, BlocksHoldTheirParts) {
  for (const WeightClassRow& row : kWeightClassRows) {
    const int values = row.block_k * PanelLayout::kUnitColumns, groups = row.block_k / 32;
    int bytes = 0;
    switch (row.coding) {
      case WeightCoding::kF32:
        bytes = 4 * values;
        break;
      case WeightCoding::kF16:
      case WeightCoding::kBF16:
        bytes = 2 * values;
        break;
      case WeightCoding::kNibble:
        bytes = values / 2;
        break;
      case WeightCoding::kNibbleBit:
        bytes = values / 2 + 128 * groups;
        break;
      case WeightCoding::kSixBits:
        bytes = values / 2 + 256 * groups;
        break;
      case WeightCoding::kSignedByte:
        bytes = values;
        break;
    }
    switch (row.scales) {
      case WeightScale::kNone:
      case WeightScale::kChannel:
        break;
      case WeightScale::kF16:
        bytes += 64;
        break;
      case WeightScale::kF16Minimum:
        bytes += 128;
        break;
      case WeightScale::kSuper:
        bytes += 64 + 64 * groups;
        break;
      case WeightScale::kSuperMinimum:
        bytes += 128 + 64 * groups;
        break;
    }
    EXPECT_EQ(row.block_bytes, bytes) << row.name;
  }
}

TEST(QuantizedRows, PartsFollowEachOtherWithinAnOddNumberOfLines) {
  for (int t = 0; t < static_cast<int>(std::size(kActivationRows)); ++t) {
    for (const int k : {64, 576, 1536, 4096}) {
      const QuantizedRows rows{k, static_cast<ActivationType>(t)};
      EXPECT_GE(rows.row_stride(), rows.row_bytes());
      EXPECT_EQ(rows.row_stride() % 128, 64);
      if (rows.is_float() || rows.type == ActivationType::kU8Token) continue;
      EXPECT_EQ(rows.word_offset() - rows.scale_offset(), 4 * rows.groups());
      EXPECT_EQ(rows.sum_offset() - rows.word_offset(), 4 * rows.groups() * rows.planes());
      EXPECT_EQ(rows.row_bytes(), rows.sum_offset() + 4 * rows.groups());
    }
  }
}

TEST(ActivationTypes, EachIsATypeOfValuesThatKnowsIt) {
  std::set<DType> types;
  for (int t = 0; t < static_cast<int>(std::size(kActivationRows)); ++t) {
    const auto rows = static_cast<ActivationType>(t);
    const DType type = DTypeOf(rows);
    types.insert(type);
    EXPECT_EQ(ActivationOf(type), rows);
    EXPECT_EQ(DTypeFromName(Row(type).name), type);
    // A block's share of the row: elements, scales, words and sums, without what comes once or is padding.
    if (rows == ActivationType::kU8Token) continue;
    const QuantizedRows layout{4096, rows};
    EXPECT_EQ(layout.row_bytes(), 4096 / Row(type).block_elements * Row(type).block_bytes) << Row(type).name;
  }
  EXPECT_EQ(types.size(), std::size(kActivationRows));
  EXPECT_EQ(ActivationOf(DType::kF32), std::nullopt);
  EXPECT_EQ(ActivationOf(DType::kBF16), std::nullopt);
  EXPECT_EQ(Row(DType::kF32Rows).name, "f32r");
  EXPECT_EQ(Row(DType::kBF16Rows).name, "bf16r");
}

}  // namespace
}  // namespace vivace::tensor
