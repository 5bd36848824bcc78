#include "tensor/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace vivace::tensor {
namespace {

// The definition: sign, 5 bits of exponent with bias 15, 10 bits of fraction.
double Value(std::uint32_t half) {
  const int exponent = static_cast<int>(half >> 10) & 31;
  const int fraction = static_cast<int>(half & 0x3ff);
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

TEST(Float16, EveryValueConvertsExactlyAndBack) {
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    const auto bits = static_cast<std::uint16_t>(half);
    const float value = F16ToF32(bits);
    if ((half & 0x7c00) == 0x7c00) {
      ASSERT_EQ(std::isnan(value), (half & 0x3ff) != 0);
      ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0);
      const std::uint32_t quiet = (half & 0x3ff) != 0 ? half | 0x200 : half;
      ASSERT_EQ(F32ToF16(value), quiet);
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), Value(half));
    ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0);
    ASSERT_EQ(F32ToF16(value), bits);
  }
}

TEST(Float16, EveryMidpointRoundsToEvenAndItsNeighboursToTheNearest) {
  for (std::uint32_t half = 0; half < 0x7c00; ++half) {
    const double above = half + 1 == 0x7c00 ? 65536.0 : Value(half + 1);
    const auto middle = static_cast<float>((Value(half) + above) / 2);  // exact in float32
    const float infinity = std::numeric_limits<float>::infinity();
    ASSERT_EQ(F32ToF16(middle), half + (half & 1));
    ASSERT_EQ(F32ToF16(-middle), (half + (half & 1)) | 0x8000);
    ASSERT_EQ(F32ToF16(std::nextafter(middle, 0.0f)), half);
    ASSERT_EQ(F32ToF16(std::nextafter(middle, infinity)), half + 1);
  }
}

TEST(Float16, ValuesOutsideTheRangeBecomeInfinityOrZero) {
  EXPECT_EQ(F32ToF16(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(F32ToF16(-1e30f), 0xfc00);
  EXPECT_EQ(F32ToF16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(F32ToF16(-1e-30f), 0x8000);
}

}  // namespace
}  // namespace vivace::tensor
