#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer/test_vocabulary.h"

namespace vivace::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

const std::initializer_list<std::string_view> kMerges = {"h e", "l l", "he ll", "hell o",
                                                         "Ġ w", "a a", "aa aa"};
constexpr std::int32_t kHe = 256, kLl = 257, kHello = 259, kSpaceW = 260, kAa = 261, kAaaa = 262;

Tokenizer Make(const TestVocabulary& vocabulary) {
  auto made = Tokenizer::Create(vocabulary.view());
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

Ids Encode(const Tokenizer& tokenizer, std::string_view text, bool parse_special = false) {
  auto ids = tokenizer.Encode(text, parse_special);
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return std::move(ids).value();
}

TEST(Tokenizer, MergesByRankWithinWords) {
  const TestVocabulary vocabulary{kMerges};
  const Tokenizer tokenizer = Make(vocabulary);
  EXPECT_THAT(Encode(tokenizer, "hello"), ElementsAre(kHello));
  EXPECT_THAT(Encode(tokenizer, "hellhe w"), ElementsAre(258, kHe, kSpaceW));
  EXPECT_THAT(Encode(tokenizer, "he llo"), ElementsAre(kHe, ' ', kLl, 'o'));  // not across words
  EXPECT_THAT(Encode(tokenizer, ""), ElementsAre());
  EXPECT_THAT(Encode(tokenizer, "12"), ElementsAre('1', '2'));
}

TEST(Tokenizer, EqualPairsMergeFromTheLeft) {
  const TestVocabulary vocabulary{kMerges};
  const Tokenizer tokenizer = Make(vocabulary);
  EXPECT_THAT(Encode(tokenizer, "aaa"), ElementsAre(kAa, 'a'));
  EXPECT_THAT(Encode(tokenizer, "aaaaaaa"), ElementsAre(kAaaa, kAa, 'a'));
}

TEST(Tokenizer, LongWordsMergeAsShortOnesDo) {  // the heap and the plain search meet at 32 tokens
  const TestVocabulary vocabulary{kMerges};
  const Tokenizer tokenizer = Make(vocabulary);
  for (std::size_t length = 1; length < 100; ++length) {
    Ids expected(length / 4, kAaaa);
    if (length % 4 >= 2) expected.push_back(kAa);
    if (length % 2 == 1) expected.push_back('a');
    EXPECT_EQ(Encode(tokenizer, std::string(length, 'a')), expected);
    std::string mixed;
    while (mixed.size() < length) mixed += "hello";
    EXPECT_EQ(Encode(tokenizer, mixed), Ids(mixed.size() / 5, kHello));
  }
}

TEST(Tokenizer, AMegabyteOfOneLetterIsQuick) {  // a quadratic merge would take hours
  const TestVocabulary vocabulary{kMerges};
  EXPECT_EQ(Encode(Make(vocabulary), std::string(1 << 20, 'a')), Ids(1 << 18, kAaaa));
}

TEST(Tokenizer, RepeatedWordsComeFromTheCacheUnchanged) {
  const TestVocabulary vocabulary{kMerges};
  std::string text;
  Ids expected;
  for (int i = 0; i < 2000; ++i) {
    text += "hello world";
    expected.insert(expected.end(), {kHello, kSpaceW, 'o', 'r', 'l', 'd'});
    text += "! ";
    expected.insert(expected.end(), {'!', ' '});
  }
  EXPECT_EQ(Encode(Make(vocabulary), text), expected);
}

TEST(Tokenizer, BrokenUtf8IsEncodedByteByByte) {
  const TestVocabulary vocabulary{kMerges};
  const Tokenizer tokenizer = Make(vocabulary);
  EXPECT_THAT(Encode(tokenizer, "he\xFFhe"), ElementsAre(kHe, 0xFF, kHe));
  EXPECT_THAT(Encode(tokenizer, "\xC3"), ElementsAre(0xC3));
  EXPECT_THAT(Encode(tokenizer, "\xE2\x82he"), ElementsAre(0xE2, 0x82, kHe));
  EXPECT_THAT(Encode(tokenizer, "\xED\xA0\x80"), ElementsAre(0xED, 0xA0, 0x80));  // half a surrogate pair
  EXPECT_THAT(Encode(tokenizer, std::string_view("\0a", 2)), ElementsAre(0, 'a'));
  std::string all;
  for (int byte = 255; byte >= 0; --byte) all.push_back(static_cast<char>(byte));
  std::string back;
  for (const std::int32_t id : Encode(tokenizer, all)) tokenizer.AppendTokenText(id, back);
  EXPECT_EQ(back, all);
}

TEST(Tokenizer, MissingBytesAreDropped) {
  TestVocabulary vocabulary{kMerges};
  vocabulary.tokens()[0xFF] = "unused";
  EXPECT_THAT(Encode(Make(vocabulary),
                     "h\xFF"
                     "e"),
              ElementsAre('h', 'e'));
}

class SpecialTokenTest : public testing::Test {
 protected:
  SpecialTokenTest() {
    start_ = vocabulary_.AddToken("<|start|>", TokenType::kControl);
    longer_ = vocabulary_.AddToken("<|start|>!", TokenType::kControl);
    tool_ = vocabulary_.AddToken("<tool>", TokenType::kUserDefined);
  }
  Ids Pieces(std::initializer_list<TextPiece> pieces) {
    return Make(vocabulary_).EncodePieces({pieces.begin(), pieces.size()}).value();
  }

  TestVocabulary vocabulary_{kMerges};
  std::int32_t start_, longer_, tool_;
};

TEST_F(SpecialTokenTest, ControlTokensCountOnlyWhereTheyMayBeParsed) {
  const Tokenizer tokenizer = Make(vocabulary_);
  EXPECT_THAT(Encode(tokenizer, "he<|start|>he", true), ElementsAre(kHe, start_, kHe));
  EXPECT_THAT(Encode(tokenizer, "<|start|>"), ElementsAre('<', '|', 's', 't', 'a', 'r', 't', '|', '>'));
  EXPECT_THAT(Encode(tokenizer, "<|start|>!", true), ElementsAre(longer_));
  EXPECT_THAT(Encode(tokenizer, "<|<|start|>", true), ElementsAre('<', '|', start_));
  EXPECT_THAT(Encode(tokenizer, "<tool>", true), ElementsAre(tool_));
  EXPECT_THAT(Encode(tokenizer, "he<tool>"), ElementsAre(kHe, tool_));
}

TEST_F(SpecialTokenTest, PiecesOfDataNeverMakeAControlToken) {
  const Ids spelled = Encode(Make(vocabulary_), "<|start|>");
  EXPECT_EQ(Pieces({{"<|start|>", false}}), spelled);
  EXPECT_EQ(Pieces({{"<|sta", true}, {"rt|>", false}}), spelled);
  EXPECT_EQ(Pieces({{"<|sta", false}, {"rt|>", true}}), spelled);
  EXPECT_EQ(Pieces({{"<", true}, {"|start|", false}, {">", true}}), spelled);
  EXPECT_THAT(Pieces({{"<|start|>", true}, {"!", false}}), ElementsAre(start_, '!'));
  EXPECT_THAT(Pieces({{"<|start|>", true}, {"!", true}}), ElementsAre(longer_));
  EXPECT_THAT(Pieces({{"<|sta", true}, {"", false}, {"rt|>", true}}), ElementsAre(start_));
  EXPECT_THAT(Pieces({{"<to", false}, {"ol>", true}}), ElementsAre(tool_));
}

TEST_F(SpecialTokenTest, PiecesMergeAcrossTheirBorders) {
  EXPECT_THAT(Pieces({{"<|start|>he", true}, {"ll", false}, {"o", true}, {" ", true}, {"w", false}}),
              ElementsAre(start_, kHello, kSpaceW));
}

TEST_F(SpecialTokenTest, DecodeLeavesControlTokensOutOnRequest) {
  const Tokenizer tokenizer = Make(vocabulary_);
  const Ids ids = {kHello, start_, kSpaceW, tool_};
  EXPECT_EQ(tokenizer.Decode(ids, false), "hello<|start|> w<tool>");
  EXPECT_EQ(tokenizer.Decode(ids, true), "hello w<tool>");
  EXPECT_TRUE(tokenizer.is_special(start_));
  EXPECT_FALSE(tokenizer.is_special(tool_));
  EXPECT_FALSE(tokenizer.is_special(-1));
  EXPECT_FALSE(tokenizer.is_special(tokenizer.size()));
  EXPECT_EQ(tokenizer.FindToken("<|start|>"), start_);
  EXPECT_EQ(tokenizer.FindToken("nothing"), std::nullopt);
}

TEST(Tokenizer, IdsOutsideTheVocabularyHaveNoText) {
  const TestVocabulary vocabulary;
  const Tokenizer tokenizer = Make(vocabulary);
  EXPECT_EQ(tokenizer.TokenText(-1), "");
  EXPECT_EQ(tokenizer.TokenText(256), "");
  EXPECT_EQ(tokenizer.Decode(Ids{-5, 'a', 1 << 30}, false), "a");
}

TEST(Tokenizer, TokensOutsideTheByteAlphabetStandForThemselves) {
  TestVocabulary vocabulary;
  const std::int32_t id = vocabulary.AddToken("a b \u4F60", TokenType::kControl);
  EXPECT_EQ(Make(vocabulary).TokenText(id), "a b \u4F60");
}

struct BadVocabulary {
  void (*change)(TestVocabulary&, Vocabulary&);
  StatusCode code;
  const char* message;
};

TEST(Tokenizer, BadVocabulariesAreRefused) {
  static const std::int64_t two_types[] = {1, 1};
  const BadVocabulary cases[] = {
      {[](auto&, auto& v) { v.model = "rwkv"; }, StatusCode::kUnsupported,
       "tokenizer model \"rwkv\" is not known"},
      {[](auto&, auto& v) { v.pre_tokenizer = "x"; }, StatusCode::kUnsupported,
       "\"x\" is not known; known are: gpt-2, smollm, starcoder"},
      {[](auto&, auto& v) { v.tokens = {}; }, StatusCode::kDataLoss, "no tokens"},
      {[](auto&, auto& v) { v.token_types = two_types; }, StatusCode::kDataLoss,
       "256 tokens but 2 token types"},
      {[](auto&, auto& v) { v.bos_id = 256; }, StatusCode::kDataLoss, "bos_token_id is 256"},
      {[](auto&, auto& v) { v.eos_id = -1; }, StatusCode::kDataLoss, "eos_token_id is -1"},
      {[](auto&, auto& v) { v.add_bos = true; }, StatusCode::kDataLoss, "no tokenizer.ggml.bos_token_id"},
      {[](auto& t, auto& v) {
         t.AddToken("a");
         v = t.view();
       },
       StatusCode::kDataLoss, "token \"a\" twice: ids 97 and 256"},
      {[](auto& t, auto&) { t.tokens()['a'] = "xyz"; }, StatusCode::kDataLoss, "no token for byte 97"},
      {[](auto& t, auto&) { t.types()[3] = 7; }, StatusCode::kDataLoss, "token 3 has the type 7"},
      {[](auto& t, auto&) { t.types()[3] = std::int64_t{1} << 40; }, StatusCode::kDataLoss,
       "token 3 has the type 1099511627776"},
      {[](auto& t, auto& v) {
         t.AddMerge("a b");
         v = t.view();
       },
       StatusCode::kDataLoss, "merge 0 (\"a b\") makes a token that is not"},
      {[](auto& t, auto& v) {
         t.AddMerge("ab c");
         v = t.view();
       },
       StatusCode::kDataLoss, "names a part that is not in the vocabulary"},
      {[](auto& t, auto& v) {
         t.AddMerge("ab");
         v = t.view();
       },
       StatusCode::kDataLoss, "is not two tokens"},
      {[](auto& t, auto& v) {
         t.AddMerge("a b c");
         v = t.view();
       },
       StatusCode::kDataLoss, "is not two tokens"},
      {[](auto& t, auto& v) {
         t.AddMerge("a ");
         v = t.view();
       },
       StatusCode::kDataLoss, "is not two tokens"},
      {[](auto& t, auto& v) {
         t.AddMerge(" a");
         v = t.view();
       },
       StatusCode::kDataLoss, "is not two tokens"},
      {[](auto& t, auto& v) {
         t.AddMerge("");
         v = t.view();
       },
       StatusCode::kDataLoss, "is not two tokens"},
  };
  for (const BadVocabulary& bad : cases) {
    TestVocabulary owner;
    Vocabulary vocabulary = owner.view();
    bad.change(owner, vocabulary);
    const auto made = Tokenizer::Create(vocabulary);
    ASSERT_FALSE(made.ok()) << bad.message;
    EXPECT_EQ(made.status().code(), bad.code) << made.status().message();
    EXPECT_THAT(made.status().message(), HasSubstr(bad.message));
  }
}

TEST(Tokenizer, AMergeListedTwiceKeepsItsBetterRank) {
  TestVocabulary vocabulary{"a b", "b c"};
  vocabulary.AddMerge("a b");
  EXPECT_THAT(Encode(Make(vocabulary), "abc"), ElementsAre(256, 'c'));
}

}  // namespace
}  // namespace vivace::tokenizer
