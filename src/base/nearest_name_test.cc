#include "base/nearest_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace vivace::base {
namespace {

struct Row {
  std::string_view name;
};

TEST(NearestName, FindsWhatWasMeant) {
  const std::vector<Row> rows = {{"max-tokens"}, {"max-num-seqs"}, {"prompt"}};
  EXPECT_EQ(NearestName("promt", rows), "prompt");
  EXPECT_EQ(NearestName("max-num-seq", rows), "max-num-seqs");
  EXPECT_EQ(NearestName("anything", std::vector<Row>()), "");
}

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", "abc"), 0u);
}

TEST(WithDashes, TakesUnderscoresForDashes) {
  EXPECT_EQ(WithDashes("max_num_seqs"), "max-num-seqs");
}

}  // namespace
}  // namespace vivace::base
