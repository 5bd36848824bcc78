#include "tokenizer/pre_tokenizer_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer/golden_parts.h"
#include "tokenizer/test_parts.h"

namespace vivace::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Pieces = std::vector<std::string>;

/// The pieces of the text as it lies behind `offset` other bytes.
Pieces Apply(const PreTokenizerStep& step, const std::string& text, bool first = true,
             std::size_t offset = 0) {
  const std::string input = std::string(offset, '#') + text;
  std::string rewritten = "before";
  std::vector<ByteRange> ranges;
  ApplyStep(step, text, offset, first, rewritten, ranges);
  Pieces pieces;
  for (const ByteRange& range : ranges) {
    EXPECT_LT(range.begin, range.end);
    pieces.push_back((Rewrites(step) ? rewritten : input).substr(range.begin, range.end - range.begin));
  }
  return pieces;
}

class PreTokenizerStepGolden : public testing::TestWithParam<const char*> {};

TEST_P(PreTokenizerStepGolden, EqualsHuggingFace) {
  const PreTokenizerStep step = PreTokenizerByName(GetParam());
  ASSERT_TRUE(CheckStep(step).ok());
  const std::vector<GoldenLine> lines = GoldenLines("P", GetParam());
  ASSERT_GE(lines.size(), 30u);
  for (const GoldenLine& line : lines) {
    const Pieces expected(line.begin() + 1, line.end());
    EXPECT_EQ(Apply(step, line[0]), expected) << "of \"" << line[0] << '"';
    EXPECT_EQ(Apply(step, line[0], true, 5), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PreTokenizerStepGolden,
                         testing::Values("metaspace", "metaspace_first", "metaspace_never", "metaspace_whole",
                                         "bert", "whitespace", "whitespace_split", "dash", "digits",
                                         "digits_contiguous", "punctuation", "punctuation_removed",
                                         "punctuation_previous", "punctuation_next",
                                         "punctuation_contiguous"),
                         [](const auto& named) { return std::string(named.param); });

TEST(PreTokenizerSteps, TheFirstSchemePrependsAtTheStartOfTheInputOnly) {
  const PreTokenizerStep first = PreTokenizerByName("metaspace_first"),
                         always = PreTokenizerByName("metaspace");
  EXPECT_THAT(Apply(first, "a b", true), ElementsAre("▁a", "▁b"));
  EXPECT_THAT(Apply(first, "a b", false), ElementsAre("a", "▁b"));
  EXPECT_THAT(Apply(always, "a b", false), ElementsAre("▁a", "▁b"));
}

TEST(PreTokenizerSteps, RunsOfMetaspacesStayTogether) {
  PreTokenizerStep step;
  step.kind = PreTokenizerKind::kMetaspaceRuns;
  EXPECT_THAT(Apply(step, "▁▁a▁b▁▁▁c▁"), ElementsAre("▁▁a", "▁b", "▁▁▁c", "▁"));
  EXPECT_THAT(Apply(step, "abc"), ElementsAre("abc"));
  EXPECT_THAT(Apply(step, "▁▁", true, 3), ElementsAre("▁▁"));
  EXPECT_THAT(Apply(step, ""), ElementsAre());
}

TEST(PreTokenizerSteps, BadStepsAreRefused) {
  PreTokenizerStep step;
  step.replacement = "ab";
  EXPECT_THAT(CheckStep(step).message(), HasSubstr("\"ab\" is not one character"));
  step.replacement = "\xFF";
  EXPECT_EQ(CheckStep(step).code(), StatusCode::kDataLoss);
  step.kind = PreTokenizerKind::kCharDelimiterSplit;
  EXPECT_THAT(CheckStep(step).message(), HasSubstr("delimiter \"\""));
  step.kind = PreTokenizerKind::kUnicodeScripts;
  EXPECT_EQ(CheckStep(step).code(), StatusCode::kUnsupported);
}

}  // namespace
}  // namespace vivace::tokenizer
