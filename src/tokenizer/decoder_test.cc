#include "tokenizer/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer/golden_parts.h"
#include "tokenizer/test_parts.h"

namespace vivace::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Decoder Make(std::vector<DecoderStep> steps) {
  auto made = Decoder::Create(std::move(steps));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

/// What each push shows, and the flush.
std::vector<std::string> Stream(const Decoder& decoder, const std::vector<std::string>& tokens) {
  DecodeStream stream(decoder);
  std::vector<std::string> parts(tokens.size() + 1);
  for (std::size_t i = 0; i < tokens.size(); ++i) stream.Push(tokens[i], parts[i]);
  stream.Flush(parts.back());
  return parts;
}

class DecoderGolden : public testing::TestWithParam<const char*> {};

TEST_P(DecoderGolden, StreamedTokensEqualHuggingFace) {
  const std::vector<DecoderStep> steps = DecoderByName(GetParam());
  ASSERT_FALSE(steps.empty());
  const Decoder decoder = Make(steps);
  const std::vector<GoldenLine> lines = GoldenLines("D", GetParam());
  ASSERT_GE(lines.size(), 30u);
  for (const GoldenLine& line : lines) {
    std::string text;
    for (const std::string& part : Stream(decoder, {line.begin() + 1, line.end()})) text += part;
    EXPECT_EQ(text, line[0]);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DecoderGolden,
                         testing::Values("byte_level", "byte_level_strip", "llama", "gemma", "fuse_strip",
                                         "metaspace", "metaspace_never", "wordpiece", "wordpiece_plain",
                                         "replace_expression", "fuse_replace", "none", "bpe"),
                         [](const auto& named) { return std::string(named.param); });

TEST(DecodeStream, ShowsTextAsSoonAsItIsCertain) {
  EXPECT_THAT(Stream(Make(DecoderByName("llama")), {"▁he", "llo", "▁w", "<0xC3>", "<0xA9>", "!"}),
              ElementsAre("he", "llo", " w", "", "", "é!", ""));
  EXPECT_THAT(Stream(Make(DecoderByName("llama")), {"a", "<0xC3>"}), ElementsAre("a", "", "\xEF\xBF\xBD"));
  EXPECT_THAT(Stream(Make(DecoderByName("byte_level")), {"Ġa", "Ã", "©", "Ã"}),
              ElementsAre(" a", "", "é", "", "\xEF\xBF\xBD"));
  EXPECT_THAT(Stream(Make(DecoderByName("metaspace")), {"▁a", "▁b", "c"}), ElementsAre("a", " b", "c", ""));
  EXPECT_THAT(Stream(Make(DecoderByName("wordpiece")), {"un", "##do", "##ne", "!"}),
              ElementsAre("un", "do", "ne", "!", ""));
  EXPECT_THAT(Stream(Make(DecoderByName("bpe")), {"a</w>", "b</w>"}), ElementsAre("", "a ", "b"));
  EXPECT_THAT(Stream(Make(DecoderByName("fuse_strip")), {"ba", "aaaa", "c", "a"}),
              ElementsAre("b", "aa", "aaac", "", ""));
}

TEST(DecodeStream, NothingGivesNothing) {
  for (const char* name : {"llama", "byte_level", "bpe", "none", "fuse_strip", "metaspace"}) {
    EXPECT_THAT(Stream(Make(DecoderByName(name)), {}), ElementsAre("")) << name;
  }
}

TEST(DecodeStream, ByteTokensAreReadStrictly) {
  const Decoder decoder = Make(DecoderByName("gemma"));
  for (const char* token : {"<0x-1>", "<0xZZ>", "<0x+A>", "<0x1>", "<0x123>", "<0x1G>", "<0x 1>"}) {
    EXPECT_THAT(Stream(decoder, {token}), ElementsAre(token, ""));
  }
}

TEST(DecodeStream, TextIsUtf8WhateverTheVocabularyHolds) {
  EXPECT_THAT(Stream(Make(DecoderByName("gemma")), {"\xE2\x96", "a\xFF"}), ElementsAre("",
                                                                                       "\xEF\xBF\xBD"
                                                                                       "a\xEF\xBF\xBD",
                                                                                       ""));
}

TEST(DecodeStream, GgufSpellingOfWordPieces) {
  EXPECT_THAT(Stream(Make({WordPieceDecoder(true, "▁")}), {"▁un", "do", "▁it", "▁."}),
              ElementsAre("un", "do", " it", ".", ""));
}

TEST(Decoder, BytesOfOneTokenInTheMiddleOfAText) {
  const auto bytes = [](const char* name, std::string_view token) {
    std::string out = "x";
    Make(DecoderByName(name)).AppendTokenBytes(token, out);
    return out;
  };
  EXPECT_EQ(bytes("llama", "▁he"), "x he");
  EXPECT_EQ(bytes("llama", "<0xE2>"), "x\xE2");
  EXPECT_EQ(bytes("byte_level", "ĠÃ"), "x \xC3");
  EXPECT_EQ(bytes("metaspace", "▁▁a"), "x  a");
  EXPECT_EQ(bytes("wordpiece", "##s"), "xs");
  EXPECT_EQ(bytes("wordpiece", "so"), "x so");
  EXPECT_EQ(bytes("bpe", "so</w>"), "xso ");
  EXPECT_EQ(bytes("none", "so"), "xso");
}

TEST(Decoder, BadStepsAreRefused) {
  EXPECT_THAT(Decoder::Create({StripDecoder("", 1, 1)}).status().message(), HasSubstr("not one character"));
  EXPECT_THAT(Decoder::Create({StripDecoder("ab", 1, 1)}).status().message(), HasSubstr("\"ab\""));
  EXPECT_EQ(Decoder::Create({ReplaceDecoder("", "x")}).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(Decoder::Create({ReplaceDecoder("[", "x", true)}).status().code(), StatusCode::kUnsupported);
}

}  // namespace
}  // namespace vivace::tokenizer
