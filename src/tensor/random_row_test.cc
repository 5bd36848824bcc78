#include "tensor/random_row.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tensor/dequantize.h"

namespace vivace::tensor {
namespace {

constexpr std::int64_t kWidth = 1024;

std::vector<std::byte> MakeRow(DType type, std::uint64_t seed, std::uint64_t row, float deviation) {
  std::vector<std::byte> bytes(RowBytes(type, kWidth) + 1, std::byte{0x5a});
  RandomRow(type, seed, row, kWidth, deviation, bytes.data());
  EXPECT_EQ(bytes.back(), std::byte{0x5a}) << "wrote past the row";
  bytes.pop_back();
  return bytes;
}

TEST(RandomRow, ValuesOfEveryTypeHaveTheDeviationAndNoMean) {
  for (int index = 0; index < kWeightTypes; ++index) {
    const auto type = static_cast<DType>(index);
    for (const float deviation : {0.02f, 1.0f}) {
      double sum = 0, squares = 0;
      constexpr int kRows = 64;
      for (std::uint64_t row = 0; row < kRows; ++row) {
        std::vector<float> values(kWidth);
        DequantizeRow(type, MakeRow(type, 3, row, deviation).data(), kWidth, values.data());
        for (const float value : values) {
          ASSERT_TRUE(std::isfinite(value));
          sum += value;
          squares += static_cast<double>(value) * value;
        }
      }
      EXPECT_NEAR(std::sqrt(squares / (kRows * kWidth)) / deviation, 1, 0.05) << Row(type).name;
      EXPECT_NEAR(sum / (kRows * kWidth) / deviation, 0, 0.03) << Row(type).name;
    }
  }
}

TEST(RandomRow, DependsOnSeedAndRowAlone) {
  for (int index = 0; index < kWeightTypes; ++index) {
    const auto type = static_cast<DType>(index);
    const auto row = MakeRow(type, 1, 2, 0.1f);
    EXPECT_EQ(row, MakeRow(type, 1, 2, 0.1f)) << Row(type).name;
    EXPECT_NE(row, MakeRow(type, 1, 3, 0.1f)) << Row(type).name;
    EXPECT_NE(row, MakeRow(type, 2, 2, 0.1f)) << Row(type).name;
    EXPECT_NE(MakeRow(type, 1, 3, 0.1f), MakeRow(type, 2, 2, 0.1f)) << Row(type).name;
  }
}

TEST(RandomRow, TinyDeviationsStayFiniteAndNotZero) {
  for (int index = 0; index < kWeightTypes; ++index) {
    const auto type = static_cast<DType>(index);
    std::vector<float> values(kWidth);
    DequantizeRow(type, MakeRow(type, 1, 1, 1e-6f).data(), kWidth, values.data());
    double squares = 0;
    for (const float value : values) squares += static_cast<double>(value) * value;
    EXPECT_GT(squares, 0) << Row(type).name;
    EXPECT_LT(squares, kWidth) << Row(type).name;
  }
}

}  // namespace
}  // namespace vivace::tensor
