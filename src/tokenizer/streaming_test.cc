#include "tokenizer/streaming.h"

#include <gtest/gtest.h>

#include "tokenizer/test_vocabulary.h"
#include "tokenizer/utf8_assembler.h"

namespace vivace::tokenizer {
namespace {

std::vector<std::int32_t> Bytes(std::string_view text) {
  std::vector<std::int32_t> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

TEST(StreamingDecoder, GivesOnlyWholeCharacters) {
  const TestVocabulary vocabulary;
  const Tokenizer tokenizer = std::move(Tokenizer::Create(vocabulary.view())).value();
  StreamingDecoder decoder(tokenizer, true);
  const std::string text = "aé你🚀b";
  std::string shown;
  for (const std::int32_t id : Bytes(text)) {
    std::string more;
    decoder.Push(id, more);
    EXPECT_TRUE(more.empty() || (more[0] & 0xC0) != 0x80);
    shown += more;
    EXPECT_EQ(shown, text.substr(0, shown.size()));
  }
  decoder.Flush(shown);
  EXPECT_EQ(shown, text);
}

TEST(StreamingDecoder, BrokenBytesBecomeReplacementCharacters) {
  const TestVocabulary vocabulary;
  const Tokenizer tokenizer = std::move(Tokenizer::Create(vocabulary.view())).value();
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"\xFF", "\uFFFD"},           {"a\xE4\xBD", "a\uFFFD"},
      {"\xE4\xBDz", "\uFFFDz"},     {"\xF0\x9F\x9A\xE4\xBD\xA0", "\uFFFD\u4F60"},
      {"\xC0\x80", "\uFFFD\uFFFD"}, {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\x80\x80", "\uFFFD\uFFFD"},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_EQ(tokenizer.Decode(Bytes(bytes), true), expected);
    std::string whole;
    Utf8Assembler assembler;
    assembler.Push(bytes, whole);
    assembler.Flush(whole);
    EXPECT_EQ(whole, expected);
  }
}

struct StopResult {
  std::string text;
  std::optional<std::size_t> index;
};

/// Runs text through a matcher in pushes of `step` bytes.
StopResult RunMatcher(const std::vector<std::string>& stop, std::string_view text, std::size_t step) {
  StopStringMatcher matcher(stop);
  StopResult result;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const auto index = matcher.Push(text.substr(at, step), result.text);
    if (index) {
      EXPECT_FALSE(result.index.has_value());
      result.index = index;
    }
  }
  matcher.Flush(result.text);
  return result;
}

struct StopCase {
  std::vector<std::string> stop;
  std::string text, expected;
  std::optional<std::size_t> index;
};

TEST(StopStringMatcher, EndsBeforeTheFirstStopString) {
  const StopCase cases[] = {
      {{"END"}, "one END two END", "one ", 0},
      {{"END"}, "one EN", "one EN", std::nullopt},
      {{"END"}, "EEND", "E", 0},
      {{"aab"}, "aaaab", "aa", 0},
      {{"abab", "x"}, "ababx", "", 0},
      {{"zzz", "b c"}, "a b c", "a ", 1},
      {{"c", "b c"}, "a b c", "a ", 1},  // complete at the same byte: the longest
      {{"abcd", "bc"}, "abcd", "a", 1},  // complete first
      {{"", "é"}, "caf\u00E9s", "caf", 1},
      {{"ababc"}, "abababc", "ab", 0},
      {{}, "text", "text", std::nullopt},
      {{"\n\n"}, "a\nb\n\nc", "a\nb", 0},
  };
  for (const StopCase& one : cases) {
    for (std::size_t step = 1; step <= one.text.size(); ++step) {
      const StopResult result = RunMatcher(one.stop, one.text, step);
      EXPECT_EQ(result.text, one.expected) << one.text << " by " << step;
      EXPECT_EQ(result.index, one.index) << one.text << " by " << step;
    }
  }
}

TEST(StopStringMatcher, HoldsBackNoMoreThanItMust) {
  StopStringMatcher matcher({"STOP"});
  std::string shown;
  EXPECT_FALSE(matcher.Push("go ST", shown));
  EXPECT_EQ(shown, "go ");
  EXPECT_FALSE(matcher.Push("ART", shown));
  EXPECT_EQ(shown, "go START");
}

TEST(StopStringMatcher, AgreesWithASearchOverRandomText) {
  std::uint64_t state = 3;
  const auto next = [&state](std::uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  };
  for (int round = 0; round < 500; ++round) {
    const auto random_text = [&](std::size_t length) {
      std::string text;
      while (text.size() < length) text.push_back(static_cast<char>('a' + next(2)));
      return text;
    };
    const std::vector<std::string> stop = {random_text(2 + next(5)), random_text(2 + next(5))};
    const std::string text = random_text(40);
    std::size_t first_end = text.size() + 1, begin = text.size();
    for (const std::string& one : stop) {
      const std::size_t at = text.find(one);
      if (at == std::string::npos) continue;
      if (at + one.size() < first_end || (at + one.size() == first_end && at < begin)) {
        first_end = at + one.size();
        begin = at;
      }
    }
    EXPECT_EQ(RunMatcher(stop, text, 1 + next(6)).text, text.substr(0, begin))
        << text << " " << stop[0] << " " << stop[1];
  }
}

}  // namespace
}  // namespace vivace::tokenizer
