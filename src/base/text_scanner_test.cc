#include "base/text_scanner.h"

#include <gtest/gtest.h>

namespace vivace::base {
namespace {

TEST(TextScanner, ReadsWordsNumbersAndPunctuationOfALine) {
  TextScanner scanner("\n  body layer.1(%x: f32) -> 42 1e-05 \n\n");
  ASSERT_TRUE(scanner.NextLine());
  EXPECT_FALSE(scanner.Accept("bod"));  // only whole words
  EXPECT_TRUE(scanner.Accept("body"));
  EXPECT_EQ(*scanner.Word(), "layer.1");
  EXPECT_TRUE(scanner.Expect("(%").ok());
  EXPECT_EQ(*scanner.Word(), "x");
  EXPECT_TRUE(scanner.Expect(":").ok());
  EXPECT_EQ(*scanner.Word(), "f32");
  EXPECT_TRUE(scanner.Expect(")").ok());
  EXPECT_TRUE(scanner.Expect("->").ok());
  EXPECT_EQ(*scanner.Integer(0, 100), 42);
  EXPECT_EQ(*scanner.Number(), 1e-5f);
  EXPECT_TRUE(scanner.LineDone());
  EXPECT_FALSE(scanner.NextLine());
}

TEST(TextScanner, ErrorsNameLineExpectationAndRest) {
  TextScanner scanner("first\nsecond 7 rest");
  ASSERT_TRUE(scanner.NextLine());
  ASSERT_TRUE(scanner.NextLine());
  ASSERT_TRUE(scanner.Word().ok());
  EXPECT_EQ(scanner.Integer(8, 9).status().message(), "line 2: expected an integer from 8 to 9, at '7 rest'");
  EXPECT_EQ(scanner.Expect("{").message(), "line 2: expected '{', at '7 rest'");
  EXPECT_FALSE(scanner.ExpectLineDone().ok());
}

TEST(TextScanner, FloatsReadBackToTheSameBits) {
  for (const float value : {1e-5f, 0.125f, 100000.0f, 1.0f / 3}) {
    const std::string text = ShortFloat(value);
    TextScanner scanner(text);
    ASSERT_TRUE(scanner.NextLine());
    EXPECT_EQ(*scanner.Number(), value) << text;
  }
}

TEST(FoldNumber, ReplacesTheIndexAndItsSuccessorAndUnfoldsBack) {
  const std::string text = "blk.7.attn_q, blk.8.attn_norm, blk.77.x, h7";
  const std::string folded = FoldNumber(text, 7);
  EXPECT_EQ(folded, "blk.#.attn_q, blk.#+1.attn_norm, blk.77.x, h7");
  EXPECT_EQ(UnfoldNumber(folded, 7), text);
  EXPECT_EQ(UnfoldNumber(folded, 9), "blk.9.attn_q, blk.10.attn_norm, blk.77.x, h7");
}

}  // namespace
}  // namespace vivace::base
