// Packing of the checkpoint's types: every value is what DequantizeRow gives for the source, to the bit.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/packed_value.h"
#include "kernels/panel_fixture.h"
#include "kernels/unpack_column.h"

namespace vivace::kernels {
namespace {

using tensor::ColumnOrder;
using tensor::DType;
using tensor::PanelLayout;

/// The same bits, or both not a number.
bool Same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

void ExpectColumn(const PanelLayout& layout, const Guarded<std::byte>& panels, int column,
                  const std::vector<float>& expected) {
  const PackedValueReader reader(layout, panels.data());
  for (int k = 0; k < layout.k; ++k) {
    const float value = reader.Value(k, column);
    ASSERT_TRUE(Same(value, expected[k]))
        << value << " instead of " << expected[k] << ", k " << k << ", column " << column;
  }
}
/// UnpackColumn gives the same.
void ExpectUnpacked(const PanelLayout& layout, const Guarded<std::byte>& panels, int column,
                    const std::vector<float>& expected) {
  const FlushDenormals flush;  // as the workers have it
  Guarded<float> values(layout.k);
  UnpackColumn(layout, panels.data(), column, values.data());
  EXPECT_TRUE(values.Intact());
  for (int k = 0; k < layout.k; ++k) {
    ASSERT_TRUE(Same(values[k], expected[k]))
        << values[k] << " instead of " << expected[k] << ", k " << k << ", column " << column;
  }
}
void ExpectZeros(const PanelLayout& layout, const Guarded<std::byte>& panels, int column) {
  const PackedValueReader reader(layout, panels.data());
  for (int k = 0; k < layout.k; ++k) ASSERT_EQ(reader.Value(k, column), 0.0f) << k << ' ' << column;
}

/// Overwrites the halves (floats) of the scales of some blocks by what breaks arithmetic: zeros of both
/// signs, denormals, the largest, infinities, NaN. Some rows become all zero bytes.
void AddEdges(Random& random, CheckpointRows& rows) {
  constexpr std::uint16_t kHalves[] = {0,      0x8000, 0x0001, 0x8001, 0x03ff, 0x7bff,
                                       0xfbff, 0x7c00, 0xfc00, 0x7e01, 0x0400};
  constexpr std::uint32_t kFloats[] = {0, 0x80000000u, 1, 0x807fffffu, 0x7f7fffffu, 0x7f800000u, 0x7fc00001u};
  const std::size_t block = tensor::Row(rows.type).block_bytes;
  const auto half = [&] { return kHalves[random() % std::size(kHalves)]; };
  for (std::size_t at = 0; at < rows.bytes.size(); at += block) {
    if (random() % 3 != 0) continue;
    const std::uint16_t a = half(), b = half();
    const std::uint32_t word = kFloats[random() % std::size(kFloats)];
    if (rows.type == DType::kF32) {
      std::memcpy(&rows.bytes[at], &word, 4);
      continue;
    }
    std::memcpy(&rows.bytes[at + (rows.type == DType::kQ6_K ? 208 : 0)], &a, 2);
    if (block > 2 && rows.type != DType::kQ6_K && random() % 2 == 0) std::memcpy(&rows.bytes[at + 2], &b, 2);
  }
  const std::size_t row_bytes = tensor::RowBytes(rows.type, rows.k);
  std::memset(rows.bytes.data() + rows.rows / 2 * row_bytes, 0, row_bytes);
}

class PackPanelsTest : public testing::TestWithParam<int> {
 protected:
  static DType type() { return static_cast<DType>(GetParam()); }
  static int block() { return tensor::Row(tensor::ClassOf(type())).block_k; }
  /// A small k that the type allows.
  static int small_k() { return std::max(64, block()); }
  static PanelLayout Layout(int k, int n) { return {tensor::ClassOf(type()), k, n}; }
};
INSTANTIATE_TEST_SUITE_P(Types, PackPanelsTest, testing::Range(0, tensor::kWeightTypes), [](const auto& row) {
  return std::string(Row(static_cast<DType>(row.param)).name);
});

TEST_P(PackPanelsTest, PlainColumnsAreTheRowsOfAllSourcesAndThePaddingIsZero) {
  Random random(1);
  for (const int k : {32, 576, 768, 4096}) {
    if (k % block() != 0) continue;
    CheckpointRows a(random, type(), 70, k), b(random, type(), 31, k);
    AddEdges(random, b);
    const PanelLayout layout = Layout(k, 101);
    const auto panels =
        Pack(layout, ColumnOrder::kPlain, {{a.bytes.data(), a.rows}, {b.bytes.data(), b.rows}});
    EXPECT_TRUE(panels.Intact());
    // Every column where that is quick; where k is large, some of each kind.
    const int step = k > 1000 ? 13 : 1;
    for (int c = 0; c < 70; c += step) ExpectColumn(layout, panels, c, a.Values(c));
    for (int c = 70; c < 101; c += step) ExpectColumn(layout, panels, c, b.Values(c - 70));
    for (int c = 0; c < 70; c += step) ExpectUnpacked(layout, panels, c, a.Values(c));
    for (int c = 70; c < 101; c += step) ExpectUnpacked(layout, panels, c, b.Values(c - 70));
    for (int c = 101; c < 128; c += step) ExpectZeros(layout, panels, c);
  }
}

TEST_P(PackPanelsTest, PackedBytesAreNearlyTheCheckpoints) {
  const PanelLayout layout = Layout(768, 128);
  const double source = static_cast<double>(tensor::RowBytes(type(), 768)) * 128;
  EXPECT_LE(static_cast<double>(layout.bytes()), 1.06 * source);
}

// Two heads of Q and one of K (rotated), one of V behind one another; expected row by column.
template <class RowOf>
void ExpectRope(DType type, int k, ColumnOrder order, int head, RowOf&& row_of) {
  Random random(2);
  const CheckpointRows q(random, type, 2 * head, k), kv(random, type, head, k), v(random, type, head, k);
  const PanelLayout layout{tensor::ClassOf(type), k, 4 * head};
  const auto panels =
      Pack(layout, order, {{q.bytes.data(), q.rows}, {kv.bytes.data(), kv.rows}, {v.bytes.data(), v.rows}},
           3 * head, head);
  for (int c = 0; c<4 * head; c += head> 64 ? 3 : 1) {
    const int row = c < 3 * head ? row_of(c) : c;
    const std::vector<float> expected = row < 2 * head   ? q.Values(row)
                                        : row < 3 * head ? kv.Values(row - 2 * head)
                                                         : v.Values(row - 3 * head);
    ExpectColumn(layout, panels, c, expected);
    ExpectUnpacked(layout, panels, c, expected);
  }
}

constexpr int kHeads[] = {64, 96, 128, 256};

TEST_P(PackPanelsTest, RopePairsAreLaneAlignedWithinTheirUnit) {
  for (const int head : kHeads) {
    ExpectRope(type(), small_k(), ColumnOrder::kRopePairs, head,
               [](int c) { return c / 32 * 32 + (c % 16) * 2 + (c % 32 >= 16 ? 1 : 0); });
  }
}

TEST_P(PackPanelsTest, RopeHalvesPutTheRowsHalfAHeadApartIntoTheSameLane) {
  // Heads of 64: units of rows 0 .. 15 with 32 .. 47, and 16 .. 31 with 48 .. 63.
  for (const int head : kHeads) {
    ExpectRope(type(), small_k(), ColumnOrder::kRopeHalves, head, [head](int c) {
      const int unit = c % head / 32, lane = c % 32;
      return c / head * head + unit * 16 + (lane < 16 ? lane : lane - 16 + head / 2);
    });
  }
}

TEST_P(PackPanelsTest, GateAndUpAlternateByUnits) {
  Random random(3);
  const int k = small_k();
  const CheckpointRows gate(random, type(), 96, k), up(random, type(), 96, k);
  const PanelLayout layout = Layout(k, 192);
  const auto panels =
      Pack(layout, ColumnOrder::kGateUpPairs, {{gate.bytes.data(), 96}, {up.bytes.data(), 96}});
  for (int c = 0; c < 192; ++c) {
    const int row = c / 64 * 32 + c % 32;
    ExpectColumn(layout, panels, c, c / 32 % 2 == 0 ? gate.Values(row) : up.Values(row));
  }
}

TEST_P(PackPanelsTest, RangesOfPanelsTouchOnlyTheirOwn) {
  Random random(4);
  const int k = small_k();
  const CheckpointRows rows(random, type(), 300, k);
  const PanelLayout layout = Layout(k, 300);
  const std::vector<PackSource> sources = {{rows.bytes.data(), rows.rows}};
  const auto whole = Pack(layout, ColumnOrder::kPlain, sources);
  Guarded<std::byte> parts(layout.bytes()), untouched(layout.bytes());
  PackPanels(layout, ColumnOrder::kPlain, sources, 0, 0, 3, 5, parts.data());
  EXPECT_EQ(std::memcmp(parts.data(), untouched.data(), 3 * layout.panel_bytes()), 0);
  PackPanels(layout, ColumnOrder::kPlain, sources, 0, 0, 0, 3, parts.data());
  EXPECT_TRUE(parts == whole);
}

void ExpectPadded(DType type, int width) {
  Random random(6);
  const CheckpointRows rows(random, type, 41, width);
  PanelLayout layout{tensor::ClassOf(type), (width + 31) / 32 * 32, rows.rows};
  layout.source_k = width;
  const auto panels = Pack(layout, ColumnOrder::kPlain, {{rows.bytes.data(), rows.rows}});
  EXPECT_TRUE(panels.Intact());
  for (int c = 0; c < rows.rows; c += 5) {
    std::vector<float> expected = rows.Values(c);
    Guarded<float> values(width);
    UnpackColumn(layout, panels.data(), c, values.data());
    EXPECT_TRUE(values.Intact());
    EXPECT_EQ(std::memcmp(values.data(), expected.data(), values.bytes()), 0) << width << ' ' << c;
    expected.resize(layout.k);
    ExpectColumn(layout, panels, c, expected);
  }
  for (int c = rows.rows; c < 64; ++c) ExpectZeros(layout, panels, c);
}

// Widths that are no multiple of 32: the rest of k is zero, and UnpackColumn does not write it.
TEST(PackFloats, RowsOfAnyWidthArePaddedByZeros) {
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16})
    for (const int width : {1000, 72, 33, 7}) ExpectPadded(type, width);
}

std::string Text(const std::vector<SourceRows>& ranges) {
  std::string text;
  for (const SourceRows& rows : ranges)
    text += std::to_string(rows.source) + ":" + std::to_string(rows.first) + "-" + std::to_string(rows.last) +
            " ";
  return text;
}

TEST(RowsOfPanels, SpanWhatAPanelReadsOfEachSource) {
  const PanelLayout layout{tensor::WeightClass::kQ8_0, 64, 256};
  const std::vector<PackSource> qkv = {{nullptr, 128}, {nullptr, 64}, {nullptr, 64}};
  EXPECT_EQ(Text(RowsOfPanels(layout, ColumnOrder::kPlain, qkv, 0, 0, 0, 2)), "0:0-128 ");
  EXPECT_EQ(Text(RowsOfPanels(layout, ColumnOrder::kRopeHalves, qkv, 192, 64, 1, 3)), "0:64-128 1:0-64 ");
  EXPECT_EQ(Text(RowsOfPanels({layout.type, 64, 250}, ColumnOrder::kPlain, {{nullptr, 250}}, 0, 0, 3, 4)),
            "0:192-250 ");
  EXPECT_EQ(Text(RowsOfPanels({layout.type, 64, 192}, ColumnOrder::kGateUpPairs,
                              {{nullptr, 96}, {nullptr, 96}}, 0, 0, 1, 2)),
            "0:32-64 1:32-64 ");
}

}  // namespace
}  // namespace vivace::kernels
