#include "tokenizer/normalizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tokenizer/golden_parts.h"
#include "tokenizer/precompiled_charsmap.h"
#include "tokenizer/test_parts.h"

namespace vivace::tokenizer {
namespace {

using testing::HasSubstr;

std::string Charsmap() {
  auto blob = DecodeBase64(GoldenCharsmap());
  EXPECT_TRUE(blob.ok()) << blob.status().message();
  return std::move(blob).value();
}

Normalizer Make(std::vector<NormalizerStep> steps) {
  auto made = Normalizer::Create(std::move(steps));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

std::string Apply(const Normalizer& normalizer, std::string_view text) {
  std::string out;
  const Status status = normalizer.Apply(text, out);
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

class NormalizerGolden : public testing::TestWithParam<const char*> {};

TEST_P(NormalizerGolden, EqualsHuggingFace) {
  const std::vector<GoldenLine> lines = GoldenLines("N", GetParam());
  ASSERT_GE(lines.size(), 30u);
  const std::vector<NormalizerStep> steps = NormalizerByName(GetParam(), Charsmap());
  ASSERT_FALSE(steps.empty());
  const Normalizer normalizer = Make(steps);
  for (const GoldenLine& line : lines)
    EXPECT_EQ(Apply(normalizer, line[0]), line[1]) << "of \"" << line[0] << '"';
}

INSTANTIATE_TEST_SUITE_P(All, NormalizerGolden,
                         testing::Values("nfc", "nfd", "nfkc", "nfkd", "lowercase", "strip_accents",
                                         "nfd_strip_accents", "strip", "strip_left", "strip_right",
                                         "byte_level", "nmt", "llama", "gemma", "bert_uncased", "bert_cased",
                                         "bert_lowercase", "precompiled", "t5"),
                         [](const auto& named) { return std::string(named.param); });

TEST(Normalizer, WithoutStepsTheTextStays) {
  EXPECT_TRUE(Normalizer().empty());
  EXPECT_EQ(Apply(Normalizer(), " a\xC3\xA9 "), " a\xC3\xA9 ");
  EXPECT_EQ(Apply(Make({PrependNormalizer("x")}), ""), "");
}

TEST(Normalizer, AMillionCombiningMarksAreQuick) {  // ordering them pair by pair would take hours
  std::string text = "a";
  for (int i = 0; i < 500'000; ++i) text += i % 2 == 0 ? "\xCC\x81" : "\xCC\xB4";  // U+0301, U+0334
  for (const NormalizerKind kind : {NormalizerKind::kNfc, NormalizerKind::kNfd, NormalizerKind::kNfkc}) {
    const std::string out = Apply(Make({PlainNormalizer(kind)}), text);
    EXPECT_GE(out.size(), text.size() - 2);
    EXPECT_LT(out.find("\xCC\xB4"), 4u);  // the class 1 mark comes first
  }
}

TEST(Normalizer, ExpressionsStopAtTheirMatchLimit) {
  const Normalizer normalizer = Make({ReplaceNormalizer("(a+)+$", "x", true)});
  std::string out;
  const Status status = normalizer.Apply(std::string(50'000, 'a') + "b", out);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("send a shorter text"));
}

TEST(Normalizer, GrowthIsBounded) {
  const Normalizer normalizer =
      Make({ReplaceNormalizer("a", std::string(1 << 16, 'a')), ReplaceNormalizer("a", "aaaa")});
  std::string out;
  EXPECT_TRUE(normalizer.Apply("b", out).ok());
  EXPECT_EQ(normalizer.Apply(std::string(1 << 12, 'a'), out).code(), StatusCode::kResourceExhausted);
  EXPECT_LT(out.size(), std::size_t{1} << 20);
}

TEST(Normalizer, BadStepsAreRefused) {
  EXPECT_THAT(Normalizer::Create({ReplaceNormalizer("(", "x", true)}).status().message(),
              HasSubstr("offset 1"));
  EXPECT_EQ(Normalizer::Create({ReplaceNormalizer("", "x")}).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(Normalizer::Create({ReplaceNormalizer("\xFF", "x")}).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(Normalizer::Create({PrependNormalizer("\xC3")}).status().code(), StatusCode::kDataLoss);
}

TEST(Base64, DecodesAndRefuses) {
  EXPECT_EQ(DecodeBase64("aGVsbG8=").value(), "hello");
  EXPECT_EQ(DecodeBase64("aGVsbG8").value(), "hello");
  EXPECT_EQ(DecodeBase64("").value(), "");
  EXPECT_THAT(DecodeBase64("aGV*bG8=").status().message(), HasSubstr("byte 3"));
  EXPECT_THAT(DecodeBase64("aGVsb").status().message(), HasSubstr("cut off"));
}

std::string Blob(std::uint32_t trie_bytes, const std::vector<std::uint32_t>& units,
                 std::string_view replacements) {
  std::string blob(4 + units.size() * 4, '\0');
  std::memcpy(blob.data(), &trie_bytes, 4);
  if (!units.empty()) std::memcpy(blob.data() + 4, units.data(), units.size() * 4);
  return blob.append(replacements);
}

TEST(PrecompiledCharsmap, MalformedOnesAreRefused) {
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"", "0 bytes"},
      {"\x04", "1 bytes"},
      {Blob(0, {}, ""), "a trie of 0"},
      {Blob(6, {1, 2}, ""), "a trie of 6"},
      {Blob(0xFFFFFFFC, {1, 2}, "x"), "ends inside"},
      {Blob(12, {1, 2}, ""), "ends inside"},
      {Blob(4, {0}, "a\xFF"), "not UTF-8 at byte 1"},
      {Blob(4, {0}, std::string(2000, 'a')), "2000 bytes"},
  };
  for (const auto& [blob, message] : cases) {
    const auto made = PrecompiledCharsmap::Create(blob);
    ASSERT_FALSE(made.ok()) << message;
    EXPECT_EQ(made.status().code(), StatusCode::kDataLoss);
    EXPECT_THAT(made.status().message(), HasSubstr(message));
  }
}

TEST(PrecompiledCharsmap, HostileUnitsReadNothingOutside) {  // the sanitizers watch the reads
  std::string good = Charsmap();
  std::uint64_t state = 7;
  for (int round = 0; round < 2000; ++round) {
    std::string blob = good;
    for (int flip = 0; flip < 4; ++flip) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      blob[4 + (state >> 33) % (blob.size() - 4)] = static_cast<char>(state >> 20);
    }
    auto charsmap = PrecompiledCharsmap::Create(blob);
    if (!charsmap.ok()) continue;  // the replacements may be no UTF-8 any more
    for (int c = 0; c < 256; ++c) {
      const char text[] = {static_cast<char>(c), static_cast<char>(c ^ 0x5A), '\x81'};
      const auto found = charsmap->Find({text, 3});
      EXPECT_LE(found.value_or("").size(), 1024u);
    }
  }
  for (const std::uint32_t unit : {0xFFFFFFFFu, 0x7FFFFFFFu, 0x3FFu, 0x1FFu, 0x100u, 0x361u, 0x80000061u}) {
    const auto charsmap = PrecompiledCharsmap::Create(Blob(8, {unit, unit}, "ab"));
    ASSERT_TRUE(charsmap.ok());
    for (int c = 0; c < 256; ++c) {
      const char text = static_cast<char>(c);
      const auto found = charsmap->Find({&text, 1});
      EXPECT_LE(found.value_or("").size(), 2u);
    }
  }
}

}  // namespace
}  // namespace vivace::tokenizer
