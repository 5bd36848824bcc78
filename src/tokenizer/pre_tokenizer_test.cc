#include "tokenizer/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "tokenizer/pre_tokenizer_rows.h"
#include "tokenizer/utf8.h"

namespace vivace::tokenizer {
namespace {

using testing::ElementsAre;

std::vector<std::string> SplitBy(const PreTokenizer& pre_tokenizer, std::string_view text) {
  WordList list;
  EXPECT_TRUE(pre_tokenizer.Split(text, true, list).ok());
  std::vector<std::string> words;
  for (const ByteRange& word : list.words)
    words.emplace_back(list.text.substr(word.begin, word.end - word.begin));
  return words;
}

std::vector<std::string> Split(std::string_view name, std::string_view text, bool by_stages = false) {
  const auto row = FindPreTokenizerRow(name);
  EXPECT_TRUE(row.ok());
  const auto parts = PartsOf(*row.value(), by_stages);
  const auto made = by_stages ? PreTokenizer::CreateByExpressions(parts) : PreTokenizer::Create(parts);
  EXPECT_TRUE(made.ok()) << made.status().message();
  std::vector<std::string> words = SplitBy(made.value(), text);
  std::string joined;
  for (const std::string& word : words) joined += word;
  EXPECT_EQ(joined, text);
  return words;
}

TEST(PreTokenizer, Gpt2SplitsAsPublished) {
  EXPECT_THAT(Split("gpt-2", "I'll don't 'tis HE'LL"),
              ElementsAre("I", "'ll", " don", "'t", " '", "tis", " HE", "'", "LL"));
  EXPECT_THAT(Split("gpt-2", "a  b   \n c"), ElementsAre("a", " ", " b", "   \n", " c"));
  EXPECT_THAT(Split("gpt-2", "x 1234 y!? "), ElementsAre("x", " 1234", " y", "!?", " "));
  EXPECT_THAT(Split("gpt-2", "  "), ElementsAre("  "));
  EXPECT_THAT(Split("gpt-2", ""), ElementsAre());
}

TEST(PreTokenizer, SmollmTakesDigitsOneByOne) {
  EXPECT_THAT(Split("smollm", "a 12b"), ElementsAre("a", " ", "1", "2", "b"));
  EXPECT_THAT(Split("smollm", "a  1"),
              ElementsAre("a", "  ", "1"));  // a digit ends white space as the end of text does
  EXPECT_THAT(Split("smollm", "a  b"), ElementsAre("a", " ", " b"));
  EXPECT_THAT(Split("smollm", "'s1's"), ElementsAre("'s", "1", "'s"));
  EXPECT_THAT(Split("smollm", "½²Ⅷ٣"), ElementsAre("½", "²", "Ⅷ", "٣"));
}

TEST(PreTokenizer, WhiteSpaceIsUnicodes) {
  EXPECT_THAT(Split("gpt-2", "a\u3000b\u00A0\u2003c"),
              ElementsAre("a", "\u3000", "b", "\u00A0", "\u2003", "c"));
  EXPECT_THAT(Split("gpt-2", "a\u180E!"), ElementsAre("a", "\u180E!"));  // no white space since Unicode 6.3
  EXPECT_THAT(Split("gpt-2", "a\u200B!"), ElementsAre("a", "\u200B!"));
}

TEST(PreTokenizer, EveryRowEqualsItsExpressions) {  // hand-written splitters and single expressions too
  const std::string_view parts[] = {" ", "  ", "\n",     "\r",  "\t",  "\u00A0", "\u0085", "1",  "23",
                                    "٣", "½",  "a",      "B",   "é",   "Éc",     "ǅ",      "你", "の",
                                    "ʰ", "'s", "'",      "'ll", "'RE", "'ſ",     "s",      "ve", "!",
                                    "-", "/",  "\u0301", "🚀",   "ß",   "\u200D"};
  std::uint64_t state = 1;
  for (const PreTokenizerRow& row : PreTokenizerRows()) {
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (int i = 0; i < 40; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        text += parts[(state >> 33) % std::size(parts)];
      }
      ASSERT_EQ(Split(row.name, text), Split(row.name, text, true)) << row.name << ": " << text;
    }
  }
}

TEST(PreTokenizer, LongRunsStayWithinTheLimits) {
  for (const char c : {'a', ' ', '!', '\n', '1', '\''}) {
    const std::string run(1 << 20, c);
    EXPECT_GE(Split("gpt-2", run).size(), 1u);
    EXPECT_GE(Split("gpt-2", run + "x").size(), 2u - (c == 'a' ? 1 : 0));
  }
}

TEST(Utf8, KnowsWholeBrokenAndPartialCharacters) {
  const auto kind = [](std::string_view text) { return FirstCharacter(text).kind; };
  const auto length = [](std::string_view text) { return FirstCharacter(text).length; };
  for (const std::string_view whole : {"a", "é", "你", "🚀", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(kind(whole), Utf8Kind::kWhole);
    EXPECT_EQ(length(whole), whole.size());
    for (std::size_t cut = 1; cut < whole.size(); ++cut)
      EXPECT_EQ(kind(whole.substr(0, cut)), Utf8Kind::kPartial);
  }
  for (const std::string_view broken :
       {"\x80", "\xC0\x80", "\xC1", "\xE0\x80", "\xED\xA0", "\xF0\x80", "\xF4\x90", "\xF5", "\xFF"}) {
    EXPECT_EQ(kind(broken), Utf8Kind::kBroken);
    EXPECT_EQ(length(broken), 1u);
  }
  EXPECT_EQ(length("\xE4\xBD"
                   "a"),
            2u);
  EXPECT_EQ(length("\xF0\x9F\x9A"
                   "a"),
            3u);
  EXPECT_EQ(WellFormedPrefix("0123456789é\xFF"), 12u);
  EXPECT_EQ(WellFormedPrefix("0123456789012345"), 16u);
}

}  // namespace
}  // namespace vivace::tokenizer
