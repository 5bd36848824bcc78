#include "runtime/rope_table.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vivace::runtime {
namespace {

TEST(RopeTable, HoldsCosinesThenSinesOfEachPosition) {
  constexpr int kDim = 8;
  constexpr int kPositions = 1000;
  auto table = RopeTable::Create(kPositions, {kDim, 100000.0f, 1, {}});
  ASSERT_TRUE(table.ok());
  table->Extend(kPositions);
  for (int position = 0; position < kPositions; ++position) {
    const float* row = table->data() + position * kDim;
    for (int i = 0; i < kDim / 2; ++i) {
      const double angle = position * std::pow(100000.0, -2.0 * i / kDim);
      EXPECT_NEAR(row[i], std::cos(angle), 6e-8) << position << " " << i;
      EXPECT_NEAR(row[kDim / 2 + i], std::sin(angle), 6e-8) << position << " " << i;
    }
  }
}

TEST(RopeTable, FactorsStretchPairsAndTheAttentionFactorScalesAll) {
  auto table = RopeTable::Create(300, {4, 100.0f, 1.5f, {1.0f, 8.0f}});
  ASSERT_TRUE(table.ok());
  table->Extend(300);
  for (const int position : {1, 17, 299}) {
    const float* row = table->data() + position * 4;
    EXPECT_NEAR(row[0], 1.5 * std::cos(position), 2e-7);
    EXPECT_NEAR(row[1], 1.5 * std::cos(position / 80.0), 2e-7);
    EXPECT_NEAR(row[2], 1.5 * std::sin(position), 2e-7);
    EXPECT_NEAR(row[3], 1.5 * std::sin(position / 80.0), 2e-7);
  }
}

TEST(RopeTable, ValuesDoNotDependOnTheOrderOfGrowth) {
  auto at_once = RopeTable::Create(600, {16, 10000.0f, 1, {}});
  auto in_steps = RopeTable::Create(600, {16, 10000.0f, 1, {}});
  ASSERT_TRUE(at_once.ok() && in_steps.ok());
  at_once->Extend(600);
  for (int positions : {1, 5, 255, 256, 257, 300, 600}) in_steps->Extend(positions);
  for (int i = 0; i < 600 * 16; ++i) ASSERT_EQ(at_once->data()[i], in_steps->data()[i]) << i;
}

TEST(RopeTable, MakesOnlyWhatIsAskedFor) {
  auto table = RopeTable::Create(1000, {8, 10000.0f, 1, {}});
  ASSERT_TRUE(table.ok());
  table->Extend(1);
  EXPECT_EQ(table->data()[0], 1.0f);
  EXPECT_EQ(table->data()[999 * 8], 0.0f);
}

}  // namespace
}  // namespace vivace::runtime
