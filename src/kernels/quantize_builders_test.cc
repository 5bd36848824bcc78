#include "kernels/quantize_builders.h"

#include <algorithm>
#include <cmath>

#include "kernels/panel_fixture.h"

namespace vivace::kernels {
namespace {

using codegen::Builder;
using codegen::Scalar;

// One group through QuantizeGroup, as a row of 32.
struct QuantizedGroup {
  static constexpr tensor::QuantizedRows kRow{32};
  Guarded<std::byte> row{static_cast<std::size_t>(kRow.row_stride())};
  Guarded<float> lanes{16};

  explicit QuantizedGroup(const std::vector<float>& x) {
    const FlushDenormals flush;
    Builder b("quantize_group");
    const Scalar in = b.Arg(0), out = b.Arg(1);
    const QuantizeTarget target{.bytes = {out, 0},
                                .parameters = {out, kRow.scale_offset()},
                                .word_distance = kRow.word_offset() - kRow.scale_offset(),
                                .sum_distance = kRow.sum_offset() - kRow.scale_offset(),
                                .scratch = {b.Arg(2), 0}};
    QuantizeGroup(b, MakeQuantizeConstants(b), b.Load({in, 0}), b.Load({in, 64}), target);
    const std::int64_t arguments[] = {reinterpret_cast<std::int64_t>(x.data()),
                                      reinterpret_cast<std::int64_t>(row.data()),
                                      reinterpret_cast<std::int64_t>(lanes.data())};
    codegen::Interpret(b.Take(), arguments);
    EXPECT_TRUE(row.Intact());
    EXPECT_TRUE(lanes.Intact());
  }
  template <class T>
  T At(int offset) const {
    T value;
    std::memcpy(&value, row.data() + offset, sizeof(T));
    return value;
  }
  float scale() const { return At<float>(kRow.scale_offset()); }
  float sum() const { return At<float>(kRow.sum_offset()); }
  int zero() const { return -static_cast<std::int16_t>(At<std::uint32_t>(kRow.word_offset())); }
  int integer_sum() const { return At<std::int32_t>(kRow.word_offset()) >> 16; }
};

TEST(QuantizeBuilders, ValuesComeBackWithinHalfAStepAndZeroExactly) {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    const float low = Uniform(random, -3, 1), high = low + Uniform(random, 0.01f, 4);
    std::vector<float> x = RandomFloats(random, 32, low, high);
    x[7] = 0.0f;
    const QuantizedGroup group(x);
    const std::vector<double> back = RowValues(QuantizedGroup::kRow, group.row.data());
    const double range = std::max(0.0f, *std::max_element(x.begin(), x.end())) -
                         std::min(0.0f, *std::min_element(x.begin(), x.end()));
    EXPECT_NEAR(group.scale(), range / 255, 1e-6 * range);
    double sum = 0;
    for (int i = 0; i < 32; ++i) {
      // At the ends of the range both roundings, of the value and of the zero point, may add up.
      ASSERT_LE(std::abs(back[i] - x[i]), group.scale() * 1.001) << i;
      sum += back[i];
    }
    EXPECT_EQ(back[7], 0.0);
    EXPECT_NEAR(group.sum(), sum, 1e-5 * range);
    EXPECT_NEAR(group.scale() * static_cast<float>(group.integer_sum()), sum, 1e-5 * range);
  }
}

TEST(QuantizeBuilders, AGroupOfZerosOrOfAlmostNothingIsZero) {
  for (const float value : {0.0f, -0.0f, 1e-40f, 1e-31f, -1e-31f}) {
    const QuantizedGroup group(std::vector<float>(32, value));
    EXPECT_EQ(group.scale(), 0.0f);
    EXPECT_EQ(group.sum(), 0.0f);
    EXPECT_EQ(group.zero(), 0);
    EXPECT_EQ(group.integer_sum(), 0);
    for (int i = 0; i < 32; ++i) EXPECT_EQ(group.row[i], std::byte{0});
  }
}

TEST(QuantizeBuilders, OneSidedGroupsUseTheWholeRange) {
  std::vector<float> positive(32, 1.0f);
  positive[3] = 0.5f;
  const QuantizedGroup up(positive);
  EXPECT_EQ(up.zero(), 0);
  EXPECT_EQ(up.row[0], std::byte{255});
  EXPECT_EQ(up.row[3], std::byte{128});
  std::vector<float> negative(32, -2.0f);
  negative[3] = -1.0f;
  const QuantizedGroup down(negative);
  EXPECT_EQ(down.zero(), 255);
  EXPECT_EQ(down.row[0], std::byte{0});
}

TEST(QuantizeBuilders, WhatIsNoNumberMakesTheScaleAndTheSumNoNumber) {
  Random random(3);
  for (const float broken : {NAN, -NAN, INFINITY, -INFINITY}) {
    for (int place = 0; place < 32; ++place) {
      for (const float around : {0.0f, 1e-35f, 1.0f}) {
        std::vector<float> x = RandomFloats(random, 32, -around, around);
        x[place] = broken;
        const QuantizedGroup group(x);
        ASSERT_TRUE(std::isnan(group.scale())) << broken << " at " << place;
        ASSERT_TRUE(std::isnan(group.sum())) << broken << " at " << place;
      }
    }
  }
  std::vector<float> wide(32, 3e38f);
  wide[1] = -3e38f;
  EXPECT_FALSE(std::isfinite(QuantizedGroup(wide).scale()));
}

}  // namespace
}  // namespace vivace::kernels
