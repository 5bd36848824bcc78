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
  for (const DType type : {DType::kF16, DType::kF32}) {
    const KvLayout layout{.layers = 2, .kv_heads = 3, .head_dim = 16, .type = type, .blocks = 5};
    std::set<std::size_t> places;
    for (int head = 0; head < layout.kv_heads; ++head) {
      for (int slot = 0; slot < KvLayout::kBlockTokens; ++slot) {
        for (int dim = 0; dim < layout.head_dim; ++dim) {
          EXPECT_LT(layout.k_offset(head, dim, slot), layout.v_offset());
          EXPECT_LT(layout.v_element_offset(head, slot, dim), layout.block_stride());
          places.insert(layout.k_offset(head, dim, slot));
          places.insert(layout.v_element_offset(head, slot, dim));
        }
      }
    }
    EXPECT_EQ(places.size() * static_cast<std::size_t>(layout.element_bytes()), layout.block_stride());
    EXPECT_EQ(layout.bytes(), 2 * 5 * layout.block_stride());
    EXPECT_EQ(layout.k_offset(0, 0, 1) - layout.k_offset(0, 0, 0),
              static_cast<std::size_t>(layout.element_bytes()));
  }
}

TEST(PanelLayout, GroupsHoldTheWeightsAndTheirScales) {
  const PanelLayout q4{.type = DType::kQ4_1, .k = 576, .n = 100};
  EXPECT_EQ(q4.panels(), 2);
  EXPECT_EQ(q4.unit_group_bytes(),
            PanelLayout::kUnitColumns * 20);  // as in the checkpoint: 20 bytes for 32 weights
  EXPECT_EQ(q4.bytes(), 2u * 18u * 1280u);
  const PanelLayout q8{.type = DType::kQ8_0, .k = 576, .n = 64};
  EXPECT_EQ(q8.unit_group_bytes(), PanelLayout::kUnitColumns * 34);
  EXPECT_EQ(q8.panels(), 1);
  EXPECT_EQ(PanelLayout::kExpandedGroupBytes,
            32 * PanelLayout::kUnitColumns + 3 * 4 * PanelLayout::kUnitColumns);
}

TEST(QuantizedRows, PartsFollowEachOtherWithinAnOddNumberOfLines) {
  for (const int k : {32, 64, 576, 1536, 4096}) {
    const QuantizedRows rows{k};
    EXPECT_EQ(rows.negated_zero_offset() - rows.scale_offset(), 4 * rows.groups());
    EXPECT_EQ(rows.sum_offset() - rows.negated_zero_offset(), 4 * rows.groups());
    EXPECT_GE(rows.row_stride(), rows.sum_offset() + 4 * rows.groups());
    EXPECT_EQ(rows.row_stride() % 128, 64);
  }
}

}  // namespace
}  // namespace vivace::tensor
