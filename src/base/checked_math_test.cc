#include "base/checked_math.h"

#include <gtest/gtest.h>

namespace vivace::base {
namespace {

TEST(SafeSize, StaysInvalidAfterAWrap) {
  const SafeSize huge = SafeSize(std::uint64_t{1} << 63) * 2;
  EXPECT_FALSE(huge.valid());
  EXPECT_FALSE((huge + 1).valid());
  EXPECT_FALSE(huge.AtMost(~std::uint64_t{0}));
  EXPECT_EQ(huge.value(), std::nullopt);
  EXPECT_FALSE((SafeSize(~std::uint64_t{0}) + 1).valid());
}

TEST(SafeSize, ComputesWhatFits) {
  EXPECT_EQ((SafeSize(3) * 4 + 5).value(), 17u);
  EXPECT_EQ(SafeSize(65).AlignedUp(64).value(), 128u);
  EXPECT_FALSE(SafeSize(~std::uint64_t{0} - 3).AlignedUp(64).valid());
}

}  // namespace
}  // namespace vivace::base
