#include "models/rope_facts.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vivace::models {
namespace {

TEST(RopeFacts, LinearStretchesEveryPair) {
  EXPECT_EQ(LinearFactors(8, 2.5), std::vector<float>(4, 2.5f));
}

// Wavelengths of theta 10000 and 8 dimensions: 6.28, 62.8, 628, 6283.
TEST(RopeFacts, Llama3KeepsShortWavelengthsAndStretchesLongOnes) {
  const std::vector<float> f = Llama3Factors(8, 10000, {8, 1, 4, 1024});
  EXPECT_EQ(f[0], 1.0f);
  EXPECT_EQ(f[1], 1.0f);
  const double kept = (1024 / (2 * M_PI * 100) - 1) / 3;  // between 256 and 1024
  EXPECT_NEAR(f[2], 1 / ((1 - kept) / 8 + kept), 1e-5);
  EXPECT_EQ(f[3], 8.0f);
}

TEST(RopeFacts, YarnRampsBetweenItsTwoDimensions) {
  const std::vector<float> f = YarnFactors(64, 10000, {4, 32, 1, 4096, true});
  // Dimensions that turn 32 times and once within 4096 positions: 10.5 and 22.5, so 10 and 23.
  EXPECT_EQ(f[0], 1.0f);
  EXPECT_EQ(f[10], 1.0f);
  EXPECT_NEAR(f[11], 1 / (1.0 / 13 / 4 + 12.0 / 13), 1e-5);
  EXPECT_EQ(f[23], 4.0f);
  EXPECT_EQ(f[31], 4.0f);
  const std::vector<float> exact = YarnFactors(64, 10000, {4, 32, 1, 4096, false});
  EXPECT_GT(exact[11], 1.0f);
  EXPECT_NE(exact[11], f[11]);
}

TEST(RopeFacts, YarnAmplifiesByTheLogarithmOfTheFactor) {
  EXPECT_DOUBLE_EQ(YarnAttentionFactor(1, 1), 1.0);
  EXPECT_DOUBLE_EQ(YarnAttentionFactor(16, 0.5), 1.0 + 0.05 * std::log(16.0));
}

}  // namespace
}  // namespace vivace::models
