// tokenizer.json and its companions: what each field means, and files that are wrong or hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_json_parts.h"

namespace vivace::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

Result<Tokenizer> TryMake(const TokenizerJsonParts& parts, std::string config = {}, std::string map = {}) {
  return Tokenizer::FromJson({parts.Json(), std::move(config), std::move(map)});
}

Tokenizer Make(const TokenizerJsonParts& parts, std::string config = {}, std::string map = {}) {
  auto made = TryMake(parts, std::move(config), std::move(map));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

Ids Encode(const Tokenizer& tokenizer, std::string_view text, bool parse_special = true) {
  auto ids = tokenizer.Encode(text, parse_special);
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return ids.ok() ? std::move(ids).value() : Ids();
}

TEST(TokenizerJson, MergesMayBeStringsOrPairs) {
  TokenizerJsonParts parts = PlainTokenizerJson();
  EXPECT_THAT(Encode(Make(parts), "hell he"), ElementsAre(258, ' ', 256));
  parts.merges = R"([["h","e"],["l","l"],["he","ll"]])";
  EXPECT_THAT(Encode(Make(parts), "hell he"), ElementsAre(258, ' ', 256));
}

TEST(TokenizerJson, IgnoreMergesTakesWordsThatAreTokens) {
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.more_vocab = R"(,"lle":259)";
  EXPECT_THAT(Encode(Make(parts), "lle"), ElementsAre(257, 'e'));
  parts.more_model = R"(,"ignore_merges":true)";
  EXPECT_THAT(Encode(Make(parts), "lle"), ElementsAre(259));
  parts.added = "[" + Added(259, "lle", R"(,"special":true)") + "]";
  EXPECT_THAT(Encode(Make(parts), "lle", false), ElementsAre(257, 'e'));  // text cannot spell a control token
  EXPECT_THAT(Encode(Make(parts), "lle", true), ElementsAre(259));
}

TEST(TokenizerJson, AControlTokenThatIsListedTwiceIsOneInBoth) {
  const std::string plain = Added(259, "<s>", ""), control = Added(259, "<s>", R"(,"special":true)");
  TokenizerJsonParts parts = PlainTokenizerJson();
  for (const std::string& list : {plain + "," + control, control + "," + plain}) {
    parts.added = "[" + list + "]";
    EXPECT_THAT(Encode(Make(parts), "<s>", false), ElementsAre('<', 's', '>'));
    EXPECT_THAT(Encode(Make(parts), "<s>", true), ElementsAre(259));
  }
}

TEST(TokenizerJson, PrefixSpaceGoesBeforeEachStretchOfText) {
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":true})";
  parts.added = "[" + Added(259, "<s>", R"(,"special":true)") + "]";
  EXPECT_THAT(Encode(Make(parts), "he<s>he<s> he"), ElementsAre(' ', 256, 259, ' ', 256, 259, ' ', 256));
}

TEST(TokenizerJson, AddedTokensTakeSpacesAndKeepToWords) {
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.added = "[" + Added(259, "<l>", R"(,"lstrip":true)") + "," + Added(260, "<r>", R"(,"rstrip":true)") +
                "," + Added(261, "he", R"(,"single_word":true)") + "]";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_THAT(Encode(tokenizer, "a \u3000<l> a"), ElementsAre('a', 259, ' ', 'a'));
  EXPECT_THAT(Encode(tokenizer, "a <r> \n a"), ElementsAre('a', ' ', 260, 'a'));
  EXPECT_THAT(Encode(tokenizer, "<r>  <l>"), ElementsAre(260, 259));
  EXPECT_THAT(Encode(tokenizer, "he"), ElementsAre(256));  // the model has it under that id
  EXPECT_THAT(Encode(tokenizer, " hea"), ElementsAre(' ', 256, 'a'));
}

TEST(TokenizerJson, NormalizedTokensAreFoundInNormalizedText) {
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]})";
  parts.added = "[" + Added(259, "<A>", R"(,"normalized":true,"special":true)") + "," +
                Added(260, "<B>", R"(,"normalized":false)") + "]";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_THAT(Encode(tokenizer, "<a><A><B>"), ElementsAre(259, 259, 260));
  EXPECT_THAT(Encode(tokenizer, "HE<b>"), ElementsAre(256, '<', 'b', '>'));
  EXPECT_THAT(Encode(tokenizer, "<a>", false), ElementsAre('<', 'a', '>'));
  const TextPiece pieces[] = {{"<A>", true}, {"<A>", false}};  // trusted in part: found by its own text
  EXPECT_THAT(tokenizer.EncodePieces(pieces).value(), ElementsAre(259, '<', 'a', '>'));
}

TEST(TokenizerJson, PostProcessorsGoAroundTheText) {
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.added =
      "[" + Added(259, "<s>", R"(,"special":true)") + "," + Added(260, "</s>", R"(,"special":true)") + "]";
  parts.post_processor =
      R"({"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"TemplateProcessing","single":)"
      R"([{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],)"
      R"("pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[259],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[260,10],"tokens":["</s>","x"]}}}]})";
  const Tokenizer tokenizer = Make(parts, R"({"bos_token":{"content":"<s>"},"eos_token":"</s>"})");
  Ids ids = {1};
  tokenizer.AddSpecialTokens(ids);
  EXPECT_THAT(ids, ElementsAre(259, 1, 260, 10));
  EXPECT_TRUE(tokenizer.add_bos());
  EXPECT_FALSE(tokenizer.add_eos());  // the last of them is another
  EXPECT_EQ(tokenizer.eos_id(), 260);
  EXPECT_THAT(tokenizer.end_ids(), ElementsAre(260));
  parts.post_processor =
      R"({"type":"RobertaProcessing","sep":["</s>",260],"cls":["<s>",259],"trim_offsets":true})";
  const Tokenizer roberta = Make(parts, "", R"({"bos_token":"<s>","eos_token":"</s>","pad_token":"none"})");
  EXPECT_TRUE(roberta.add_bos() && roberta.add_eos());
  EXPECT_EQ(roberta.pad_id(), std::nullopt);
}

TEST(TokenizerJson, LlamaClassesGoByTheirFlags) {
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.added = "[" + Added(259, "<s>", R"(,"special":true)") + "]";
  const std::string config = R"({"bos_token":"<s>","tokenizer_class":"LlamaTokenizerFast")";
  EXPECT_TRUE(Make(parts, config + "}").add_bos());
  EXPECT_FALSE(Make(parts, config + R"(,"add_bos_token":false})").add_bos());
  EXPECT_FALSE(Make(parts, R"({"bos_token":"<s>","add_bos_token":true,"tokenizer_class":"Qwen2Tokenizer"})")
                   .add_bos());
  const auto no_token = TryMake(parts, R"({"tokenizer_class":"LlamaTokenizer"})");
  ASSERT_FALSE(no_token.ok());
  EXPECT_THAT(no_token.status().message(),
              HasSubstr("bos_token is to be added, but it is not in the vocabulary"));
}

TEST(TokenizerJson, IdsMayHaveGapsWithoutTokens) {
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.more_vocab = R"(,"zz":300)";
  parts.added = "[" + Added(310, "<s>", R"(,"special":true)") + "]";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_EQ(tokenizer.size(), 311);
  EXPECT_EQ(tokenizer.Decode(Ids{256, 299, 305, 310}, false), "he<s>");
  EXPECT_EQ(tokenizer.FindToken("<s>"), 310);
  EXPECT_EQ(tokenizer.FindToken(""), std::nullopt);
}

TEST(TokenizerJson, AFileCutAnywhereIsRefused) {
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.added = "[" + Added(259, "<s>", R"(,"special":true)") + "]";
  const std::string whole = parts.Json();
  for (std::size_t length = 0; length < whole.size(); length += length < 200 || length > 6000 ? 1 : 37) {
    const auto made = Tokenizer::FromJson({whole.substr(0, length), {}, {}});
    ASSERT_FALSE(made.ok()) << length;
    EXPECT_THAT(made.status().message(), HasSubstr("tokenizer.json"));
  }
  EXPECT_FALSE(Tokenizer::FromJson({whole + "x", {}, {}}).ok());
  EXPECT_THAT(Tokenizer::FromJson({whole, "{", {}}).status().message(),
              HasSubstr("tokenizer_config.json, byte 1"));
  EXPECT_THAT(Tokenizer::FromJson({whole, {}, "[]"}).status().message(),
              HasSubstr("special_tokens_map.json"));
}

TEST(TokenizerJson, AnExpressionThatBacktracksEndsInAnError) {  // T4
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.pre_tokenizer =
      R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Isolated"},{"type":"ByteLevel","use_regex":false,"add_prefix_space":false}]})";
  const Tokenizer tokenizer = Make(parts);
  const auto start = std::chrono::steady_clock::now();
  const auto ids = tokenizer.Encode(std::string(50'000, 'a') + "b", true);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  ASSERT_FALSE(ids.ok());
  EXPECT_EQ(ids.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(ids.status().message(), HasSubstr("at byte 0 of the text"));
}

TEST(TokenizerJson, HugePiecesLoadAndMatch) {  // T6
  TokenizerJsonParts parts = PlainTokenizerJson();
  const std::string piece(10'000'000, 'x');
  parts.more_vocab = ",\"" + piece + "\":300";
  parts.added = "[" + Added(301, std::string(512, 'y')) + "," + Added(302, std::string(511, 'y') + "z") + "]";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_TRUE(tokenizer.Decode(Ids{300}, false) == piece);
  EXPECT_THAT(Encode(tokenizer, std::string(512, 'y') + "he"), ElementsAre(301, 256));
  EXPECT_THAT(Encode(tokenizer, std::string(511, 'y') + "zhe"), ElementsAre(302, 256));
  EXPECT_EQ(Encode(tokenizer, std::string(511, 'y')).size(), 511u);
  parts.added = "[" + Added(301, std::string(100'000, 'y')) + "]";
  EXPECT_THAT(TryMake(parts).status().message(), HasSubstr("has 100000 bytes; at most 512"));
}

TEST(TokenizerJson, OddAddedTokens) {  // T7
  TokenizerJsonParts parts = PlainTokenizerJson();
  parts.added = "[" + Added(300, "") + "," + Added(301, "<a") + "," + Added(302, "<a>") + "," +
                Added(303, "a><") + R"(,{"id":304,"content":"n\u0000l","special":true}])";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_THAT(Encode(tokenizer, "<a><a"), ElementsAre(302, 301));
  EXPECT_THAT(Encode(tokenizer, std::string_view("n\0l", 3)), ElementsAre(304));
  EXPECT_THAT(Encode(tokenizer, std::string_view("n\0l", 3), false), ElementsAre('n', 0, 'l'));
  EXPECT_THAT(Encode(tokenizer, ""), ElementsAre());
}

TEST(TokenizerJson, LongAndOddTextsTakeLinearTime) {  // T10
  std::string joiners, marks;
  for (int i = 0; i < 100'000; ++i) joiners += "👩\u200D";
  for (int i = 0; i < 1'000'000; ++i) marks += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string texts[] = {std::string(1'000'000, 'a'),
                               std::string(1'000'000, ' '),
                               std::string(1'000'000, '\n'),
                               std::string(1'000'000, '1'),
                               std::string(1'000'000, '\xFF'),
                               "\xED\xA0\x80\xED\xB0\x80",
                               "\xC0\xAF\xE0\x80\xAF",
                               "\uFFFE",
                               joiners,
                               marks};
  for (const char* normalizer : {"null", R"({"type":"NFC"})"}) {
    TokenizerJsonParts parts = PlainTokenizerJson();
    parts.normalizer = normalizer;
    const Tokenizer tokenizer = Make(parts);
    for (const std::string& text : texts) {
      const auto start = std::chrono::steady_clock::now();
      const Ids ids = Encode(tokenizer, text);
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2)) << text.substr(0, 12);
      EXPECT_FALSE(ids.empty());
    }
  }
}

}  // namespace
}  // namespace vivace::tokenizer
