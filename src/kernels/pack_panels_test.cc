#include <gtest/gtest.h>

#include "kernels/panel_fixture.h"

namespace vivace::kernels {
namespace {

using tensor::ColumnOrder;
using tensor::DType;
using tensor::PanelLayout;

// Element (k, column) as tensor/packed_panel.h describes it.
float PackedValue(const PanelLayout& layout, const std::byte* panels, int k, int column) {
  const bool nibbles = layout.type == tensor::WeightClass::kQ4_1;
  const int group_bytes = nibbles ? 640 : 1088, lane = column % 32, in_group = k % 32;
  const std::byte* group =
      panels + (static_cast<std::size_t>(column / 32) * layout.blocks() + k / 32) * group_bytes;
  const auto half = [&](int offset) {
    std::uint16_t bits;
    std::memcpy(&bits, group + offset, 2);
    return tensor::F16ToF32(bits);
  };
  if (!nibbles) {
    return static_cast<float>(static_cast<std::int8_t>(group[in_group / 4 * 128 + lane * 4 + k % 4])) *
           half(1024 + 2 * lane);
  }
  const auto byte = static_cast<unsigned>(group[in_group / 8 * 128 + lane * 4 + k % 4]);
  const unsigned value = in_group % 8 < 4 ? byte & 15u : byte >> 4;
  return static_cast<float>(value) * half(512 + 2 * lane) + half(576 + 2 * lane);
}

void ExpectColumn(const PanelLayout& layout, const Guarded<std::byte>& panels, int column,
                  const std::vector<float>& expected) {
  for (int k = 0; k < layout.k; ++k)
    ASSERT_EQ(PackedValue(layout, panels.data(), k, column), expected[k]) << k << ' ' << column;
}

class PackPanelsTest : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, PackPanelsTest, testing::Values(DType::kQ4_1, DType::kQ8_0));

TEST_P(PackPanelsTest, PlainColumnsAreTheRowsOfAllSourcesAndThePaddingIsZero) {
  Random random(1);
  for (const int k : {32, 96, 576}) {
    const CheckpointRows a(random, GetParam(), 70, k), b(random, GetParam(), 31, k);
    const PanelLayout layout{tensor::ClassOf(GetParam()), k, 101};
    const auto panels =
        Pack(layout, ColumnOrder::kPlain, {{a.bytes.data(), a.rows}, {b.bytes.data(), b.rows}});
    EXPECT_TRUE(panels.Intact());
    for (int c = 0; c < 70; ++c) ExpectColumn(layout, panels, c, a.Values(c));
    for (int c = 70; c < 101; ++c) ExpectColumn(layout, panels, c, b.Values(c - 70));
    for (int c = 101; c < 128; ++c) ExpectColumn(layout, panels, c, std::vector<float>(k));
  }
}

TEST_P(PackPanelsTest, RopePairsAreLaneAlignedWithinTheirUnit) {
  Random random(2);
  const CheckpointRows q(random, GetParam(), 128, 64), kv(random, GetParam(), 64, 64),
      v(random, GetParam(), 64, 64);
  const PanelLayout layout{tensor::ClassOf(GetParam()), 64, 256};
  const auto panels =
      Pack(layout, ColumnOrder::kRopePairs,
           {{q.bytes.data(), q.rows}, {kv.bytes.data(), kv.rows}, {v.bytes.data(), v.rows}}, 192, 64);
  for (int c = 0; c < 256; ++c) {
    const int row = c < 192 ? c / 32 * 32 + (c % 16) * 2 + (c % 32 >= 16 ? 1 : 0) : c;
    ExpectColumn(layout, panels, c,
                 row < 128   ? q.Values(row)
                 : row < 192 ? kv.Values(row - 128)
                             : v.Values(row - 192));
  }
}

TEST_P(PackPanelsTest, GateAndUpAlternateByUnits) {
  Random random(3);
  const CheckpointRows gate(random, GetParam(), 96, 64), up(random, GetParam(), 96, 64);
  const PanelLayout layout{tensor::ClassOf(GetParam()), 64, 192};
  const auto panels =
      Pack(layout, ColumnOrder::kGateUpPairs, {{gate.bytes.data(), 96}, {up.bytes.data(), 96}});
  for (int c = 0; c < 192; ++c) {
    const int row = c / 64 * 32 + c % 32;
    ExpectColumn(layout, panels, c, c / 32 % 2 == 0 ? gate.Values(row) : up.Values(row));
  }
}

TEST_P(PackPanelsTest, RangesOfPanelsTouchOnlyTheirOwn) {
  Random random(4);
  const CheckpointRows rows(random, GetParam(), 300, 64);
  const PanelLayout layout{tensor::ClassOf(GetParam()), 64, 300};
  const std::vector<PackSource> sources = {{rows.bytes.data(), rows.rows}};
  const auto whole = Pack(layout, ColumnOrder::kPlain, sources);
  Guarded<std::byte> parts(layout.bytes()), untouched(layout.bytes());
  PackPanels(layout, ColumnOrder::kPlain, sources, 0, 0, 3, 5, parts.data());
  EXPECT_EQ(std::memcmp(parts.data(), untouched.data(), 3 * layout.panel_bytes()), 0);
  PackPanels(layout, ColumnOrder::kPlain, sources, 0, 0, 0, 3, parts.data());
  EXPECT_TRUE(parts == whole);
}

}  // namespace
}  // namespace vivace::kernels
