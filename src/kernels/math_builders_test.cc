#include "kernels/math_builders.h"

#include <cmath>

#include "kernels/panel_fixture.h"
#include "kernels/quantize_builders.h"

namespace vivace::kernels {
namespace {

using codegen::Builder;
using codegen::Function;
using codegen::Scalar;

// out[i] = f(in[i]) for `count` vectors. Arguments: in, out, count.
template <class F>
Function Elementwise(const char* name, F f) {
  Builder b(name);
  const Scalar in = b.Arg(0), out = b.Arg(1);
  const ExpConstants constants = MakeExpConstants(b);
  b.Loop(b.Arg(2));
  b.Store({out, 0}, f(b, constants, b.Load({in, 0})));
  b.Bump(in, 64);
  b.Bump(out, 64);
  b.End();
  return b.Take();
}

std::vector<float> Apply(const Function& function, std::vector<float> in) {
  const FlushDenormals flush;
  std::vector<float> out(in.size());
  const std::int64_t arguments[] = {reinterpret_cast<std::int64_t>(in.data()),
                                    reinterpret_cast<std::int64_t>(out.data()),
                                    static_cast<std::int64_t>(in.size() / 16)};
  codegen::Interpret(function, arguments);
  return out;
}

TEST(MathBuilders, ExpIsAccurateOverItsRange) {
  std::vector<float> in(1 << 16);
  for (std::size_t i = 0; i < in.size(); ++i)
    in[i] = -87.0f + 175.0f * static_cast<float>(i) / static_cast<float>(in.size());
  const std::vector<float> out = Apply(Elementwise("exp", Exp), in);
  double worst = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double expected = std::exp(static_cast<double>(in[i]));
    worst = std::max(worst, std::abs(out[i] - expected) / expected);
  }
  EXPECT_LE(worst, 2e-7);
}

TEST(MathBuilders, ExpClampsItsInputAndIsOneAtZero) {
  const std::vector<float> in = {0.0f, -0.0f, -1000.0f, -INFINITY, 1000.0f, INFINITY, -87.0f, 88.0f,
                                 0,    0,     0,        0,         0,       0,        0,      0};
  const std::vector<float> out = Apply(Elementwise("exp", Exp), in);
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], 1.0f);
  EXPECT_EQ(out[2], out[6]);
  EXPECT_EQ(out[3], out[6]);
  EXPECT_EQ(out[4], out[7]);
  EXPECT_EQ(out[5], out[7]);
  EXPECT_LT(out[6], 1.7e-38f);
}

TEST(MathBuilders, SiluIsAccurateAndFiniteFarOut) {
  std::vector<float> in(4096);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = -120.0f + 240.0f * static_cast<float>(i) / 4095.0f;
  const std::vector<float> out = Apply(Elementwise("silu", Silu), in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double x = in[i];
    const double expected = x / (1 + std::exp(-x));
    ASSERT_NEAR(out[i], expected, 4e-7 * std::abs(expected) + 1e-35) << x;
  }
}

TEST(MathBuilders, ReciprocalSqrtIsRounded) {
  const std::vector<float> in = {1, 4, 0.25f, 2, 3, 1e-6f, 1e6f, 7, 1, 1, 1, 1, 1, 1, 1, 1};
  const auto rsqrt = [](Builder& b, const ExpConstants& k, codegen::Vec x) {
    return ReciprocalSqrt(b, k.one, x);
  };
  const std::vector<float> out = Apply(Elementwise("rsqrt", rsqrt), in);
  for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(out[i], 1.0f / std::sqrt(in[i]));
}

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

}  // namespace
}  // namespace vivace::kernels
