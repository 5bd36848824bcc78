// Classes that come as planes: rounding from floats, packing, reading back.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/pack_quantize.h"
#include "kernels/packed_value.h"
#include "kernels/panel_fixture.h"
#include "kernels/unpack_column.h"

namespace vivace::kernels {
namespace {

using tensor::ColumnOrder;
using tensor::PanelLayout;
using tensor::WeightClass;
using tensor::WeightScale;

/// Value (row, k) as PackSource describes its planes.
float PlaneValue(const PanelLayout& layout, const QuantizedPlanes& planes, int row, int k) {
  const auto& facts = layout.row();
  const auto code = static_cast<std::uint8_t>(planes.codes[static_cast<std::size_t>(row) * layout.k + k]);
  if (facts.scales == WeightScale::kChannel) {
    float scale;
    std::memcpy(&scale, &planes.scales[4 * row], 4);
    return scale * static_cast<float>(static_cast<std::int8_t>(code));
  }
  const std::size_t at =
      2 * (static_cast<std::size_t>(row) * (layout.k / facts.scale_group) + k / facts.scale_group);
  const auto half = [&](const std::vector<std::byte>& plane) {
    std::uint16_t bits;
    std::memcpy(&bits, &plane[at], 2);
    return tensor::F16ToF32(bits);
  };
  if (facts.scales == WeightScale::kF16)
    return half(planes.scales) * static_cast<float>(static_cast<std::int8_t>(code));
  const float product = half(planes.scales) * static_cast<float>(code);
  return product + half(planes.minimums);
}

class PackPlanesTest : public testing::TestWithParam<int> {
 protected:
  static WeightClass type() { return static_cast<WeightClass>(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Classes, PackPlanesTest,
                         testing::Range(tensor::kWeightTypes, tensor::kWeightClasses), [](const auto& row) {
                           return std::string(Row(static_cast<WeightClass>(row.param)).name);
                         });

TEST_P(PackPlanesTest, EveryValueIsThePlanesOwnAndThePaddingIsZero) {
  Random random(1);
  for (const int k : {576, 768, 4096}) {
    if (k % Row(type()).block_k != 0) continue;
    const PanelLayout layout{type(), k, 70};
    std::vector<float> floats = RandomFloats(random, static_cast<std::size_t>(70) * k, -0.1f, 0.06f);
    std::fill_n(floats.begin() + 3 * k, k, 0.0f);
    const QuantizedPlanes planes = QuantizeRowsTo(type(), floats.data(), 70, k);
    const auto panels = Pack(layout, ColumnOrder::kPlain, {planes.source()});
    EXPECT_TRUE(panels.Intact());
    const PackedValueReader reader(layout, panels.data());
    std::vector<float> column(k);
    for (int c = 0; c < 128; ++c) {
      if (c < 70) UnpackColumn(layout, panels.data(), c, column.data());
      for (int i = 0; i < k; ++i) {
        ASSERT_EQ(reader.Value(i, c), c < 70 ? PlaneValue(layout, planes, c, i) : 0.0f) << i << ' ' << c;
        if (c < 70) {
          ASSERT_EQ(column[i], reader.Value(i, c)) << i << " " << c;
        }
      }
    }
  }
}

TEST_P(PackPlanesTest, GateAndUpTakeTheirOwnScales) {
  Random random(2);
  const int k = 128;
  const PanelLayout layout{type(), k, 128};
  const auto gate = QuantizeRowsTo(type(), RandomFloats(random, 64 * k).data(), 64, k);
  const auto up = QuantizeRowsTo(type(), RandomFloats(random, 64 * k).data(), 64, k);
  const auto panels = Pack(layout, ColumnOrder::kGateUpPairs, {gate.source(), up.source()});
  const PackedValueReader reader(layout, panels.data());
  for (int c = 0; c < 128; ++c) {
    for (int i = 0; i < k; ++i)
      ASSERT_EQ(reader.Value(i, c), PlaneValue(layout, c / 32 % 2 == 0 ? gate : up, c / 64 * 32 + c % 32, i));
  }
}

TEST_P(PackPlanesTest, RoundingIsWithinHalfAStep) {
  Random random(3);
  const int k = 256, rows = 20;
  const std::vector<float> floats = RandomFloats(random, rows * k, -1.0f, 0.5f);
  const PanelLayout layout{type(), k, rows};
  const QuantizedPlanes planes = QuantizeRowsTo(type(), floats.data(), rows, k);
  // A step is at most 1.5 / 15 or 1 / 127; scales and minimums are rounded, too.
  const float half_step = Row(type()).coding == tensor::WeightCoding::kNibble ? 0.0505f : 0.00402f;
  for (int r = 0; r < rows; ++r) {
    for (int i = 0; i < k; ++i)
      ASSERT_NEAR(PlaneValue(layout, planes, r, i), floats[r * k + i], half_step) << r << ' ' << i;
  }
}

TEST(PackPlanes, AChannelEndsWithItsSumOfCodes) {
  Random random(4);
  const int k = 96;
  const PanelLayout layout{WeightClass::kInt8Channel, k, 64};
  const auto planes = QuantizeRowsTo(layout.type, RandomFloats(random, 64 * k, -1, 0.2f).data(), 64, k);
  const auto panels = Pack(layout, ColumnOrder::kPlain, {planes.source()});
  const PackedValueReader reader(layout, panels.data());
  for (int c = 0; c < 64; ++c) {
    std::int32_t expected = 0, sum;
    for (int i = 0; i < k; ++i) expected += reader.CodeAt(i, c);
    std::memcpy(&sum, panels.data() + (c / 32 + 1) * layout.unit_bytes() - 128 + c % 32 * 4, 4);
    EXPECT_EQ(sum, expected) << c;
    EXPECT_NE(sum, 0) << "a sum of zero proves little";
  }
}

}  // namespace
}  // namespace vivace::kernels
