// The token models that are not byte-level: against their references on small trained vocabularies, and on
// vocabularies and texts that mean harm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <sstream>

#include "tokenizer/character_bpe.h"
#include "tokenizer/golden_parts.h"
#include "tokenizer/metaspace.h"
#include "tokenizer/piece_trie.h"
#include "tokenizer/sentencepiece_bpe.h"
#include "tokenizer/unigram.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/wordpiece.h"

namespace vivace::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;
using Model = std::unique_ptr<TokenModel>;

/// A vocabulary and all that the models refer to.
struct Parts {
  std::deque<std::string> texts;
  std::vector<std::string_view> tokens;
  std::vector<double> scores;
  std::vector<float> float_scores;
  std::vector<std::int64_t> types;
  std::vector<MergeWords> merges;
  std::optional<TokenTable> table;
  std::optional<MergeTable> merge_table;

  void Add(std::string_view text, double score = 0, TokenType type = TokenType::kNormal) {
    tokens.push_back(texts.emplace_back(text));
    scores.push_back(score);
    float_scores.push_back(static_cast<float>(score));
    types.push_back(static_cast<std::int64_t>(type));
  }
  void AddMerge(std::string_view left, std::string_view right) {
    merges.push_back({texts.emplace_back(left), texts.emplace_back(right)});
  }
  void AddBytes() {
    for (int byte = 0; byte < 256; ++byte) {
      char text[8];
      std::snprintf(text, sizeof(text), "<0x%02X>", static_cast<unsigned>(byte));
      Add(text, 0, TokenType::kByte);
    }
  }

  Result<Model> Sentencepiece(std::optional<std::int32_t> unk = std::nullopt) {
    table.emplace(TokenTable::Create(tokens).value());
    return MakeSentencePieceBpe({&*table, float_scores, types, unk});
  }
  Result<Model> Bpe(CharacterBpeOptions options) {
    table.emplace(TokenTable::Create(tokens).value());
    auto made = MergeTable::Create(merges, *table, options.control_ids, options.continuing_subword_prefix);
    EXPECT_TRUE(made.ok()) << made.status().message();
    merge_table.emplace(std::move(made).value());
    return MakeCharacterBpe(*table, *merge_table, std::move(options));
  }
  Result<Model> Unigram(std::optional<std::int32_t> unk, bool byte_fallback = false, Ids control = {}) {
    UnigramVocabulary vocabulary;
    vocabulary.tokens = tokens;
    vocabulary.scores = scores;
    vocabulary.unk_id = unk;
    vocabulary.byte_fallback = byte_fallback;
    vocabulary.control_ids = std::move(control);
    return MakeUnigram(vocabulary);
  }
  Result<Model> Wordpiece(std::int32_t unk, std::string word_prefix = "") {
    table.emplace(TokenTable::Create(tokens).value());
    WordPieceVocabulary vocabulary;
    vocabulary.tokens = &*table;
    vocabulary.unk_id = unk;
    vocabulary.word_prefix = std::move(word_prefix);
    return MakeWordPiece(vocabulary);
  }
};

Ids Encode(const TokenModel& model, std::string_view word) {
  Ids ids = {-7};
  const Status status = model.Encode(word, ids);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(ids.front(), -7);
  ids.erase(ids.begin());
  return ids;
}

class TokenModelGolden : public testing::TestWithParam<const char*> {
 protected:
  Result<Model> Make() {
    const std::string name = GetParam();
    for (const GoldenLine& line : GoldenLines("V", name)) {
      parts_.Add(line[0], std::stod(line[1]),
                 line.size() > 2 ? static_cast<TokenType>(std::stoi(line[2])) : TokenType::kNormal);
    }
    for (const GoldenLine& line : GoldenLines("M", name)) parts_.AddMerge(line[0], line[1]);
    if (name.starts_with("sentencepiece")) return parts_.Sentencepiece(0);
    if (name.starts_with("unigram")) return parts_.Unigram(0, name == "unigram_bytes");
    if (name == "wordpiece") return parts_.Wordpiece(1);
    CharacterBpeOptions options;
    options.unk_id = 0;
    options.fuse_unk = name != "bpe_unknown" && name != "bpe_affixes";
    options.byte_fallback = name == "bpe_bytes" || name == "bpe_few_bytes" || name == "bpe_ignore_merges";
    options.ignore_merges = name == "bpe_ignore_merges";
    if (name == "bpe_affixes") {
      options.continuing_subword_prefix = "##";
      options.end_of_word_suffix = "</w>";
    }
    return parts_.Bpe(std::move(options));
  }
  Parts parts_;
};

TEST_P(TokenModelGolden, EqualsItsReference) {
  const auto model = Make();
  ASSERT_TRUE(model.ok()) << model.status().message();
  const std::vector<GoldenLine> lines = GoldenLines("E", GetParam());
  ASSERT_GE(lines.size(), 60u);
  for (const GoldenLine& line : lines) {
    Ids expected;
    std::istringstream numbers(line[1]);
    for (std::int32_t id; numbers >> id;) expected.push_back(id);
    EXPECT_EQ(Encode(**model, line[0]), expected) << "of \"" << line[0] << '"';
  }
}

INSTANTIATE_TEST_SUITE_P(All, TokenModelGolden,
                         testing::Values("bpe_bytes", "bpe_fuse", "bpe_unknown", "bpe_few_bytes",
                                         "bpe_ignore_merges", "bpe_affixes", "unigram", "unigram_bytes",
                                         "wordpiece", "sentencepiece", "sentencepiece_bytes"),
                         [](const auto& named) { return std::string(named.param); });

/// a, aa, aaaa, ... with falling scores, and merges that make them.
Parts PowersOfA() {
  Parts parts;
  parts.Add("<unk>", 0, TokenType::kUnknown);
  std::string text = "a";
  for (int i = 0; i < 6; ++i, text += text) {
    parts.Add(text, -1.0 - i);
    if (i > 0) parts.AddMerge(text.substr(text.size() / 2), text.substr(text.size() / 2));
  }
  return parts;
}

TEST(TokenModels, AMegabyteOfOneLetterIsQuick) {
  Parts parts = PowersOfA();
  const std::string text(1 << 20, 'a');
  const Ids expected((1 << 20) / 32, 6);
  CharacterBpeOptions options;
  options.unk_id = 0;
  EXPECT_EQ(Encode(*parts.Bpe(options).value(), text), expected);
  EXPECT_EQ(Encode(*parts.Sentencepiece(0).value(), text), expected);
  EXPECT_EQ(Encode(*parts.Unigram(0).value(), text), expected);
  const Ids unknown = Encode(*parts.Unigram(0).value(), std::string(1 << 20, 'z'));
  EXPECT_THAT(unknown, ElementsAre(0));
  EXPECT_THAT(Encode(*parts.Wordpiece(0).value(), text), ElementsAre(0));
}

TEST(TokenModels, LongPiecesAreRefusedWhereTextCouldMatchThem) {
  for (const std::size_t size : {std::size_t{100'000}, std::size_t{10'000'000}}) {
    Parts parts;
    parts.Add("<unk>");
    parts.Add(std::string(size, 'a'));
    for (const Status& status :
         {parts.Sentencepiece(0).status(), parts.Unigram(0).status(), parts.Wordpiece(0).status()}) {
      EXPECT_EQ(status.code(), StatusCode::kUnsupported);
      EXPECT_THAT(status.message(), HasSubstr("token 1 has " + std::to_string(size) + " bytes"));
    }
    EXPECT_TRUE(parts.Unigram(0, false, {1}).ok());  // a control token is never matched
    CharacterBpeOptions options;
    options.unk_id = 0;
    EXPECT_TRUE(parts.Bpe(options).ok());  // merges are pairs of numbers, whatever their texts
  }
}

TEST(TokenModels, LongestAllowedPiecesStayQuick) {
  Parts parts;
  parts.Add("<unk>");
  for (std::size_t length = 1; length <= 512; ++length)
    parts.Add(std::string(length, 'a'), -static_cast<double>(length));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Encode(*parts.Sentencepiece(0).value(), std::string(1 << 16, 'a')).size(),
            std::size_t{1 << 16} / 2 / 256);
  EXPECT_FALSE(Encode(*parts.Unigram(0).value(), std::string(1 << 16, 'a')).empty());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(TokenModels, NulAndEmptyPieces) {
  Parts parts;
  parts.Add("<unk>");
  parts.Add("");
  parts.Add(std::string_view("a\0b", 3), -1);
  parts.Add("a", -2);
  parts.Add("b", -2);
  parts.Add(std::string_view("\0", 1), -2);
  parts.Add(std::string_view("a\0", 2), -1.5);
  const std::string_view text("a\0ba", 4);
  EXPECT_THAT(Encode(*parts.Unigram(0).value(), text), ElementsAre(2, 3));
  EXPECT_THAT(Encode(*parts.Sentencepiece(0).value(), text), ElementsAre(2, 3));
  EXPECT_THAT(Encode(*parts.Wordpiece(0).value(), std::string_view("a\0b", 3)), ElementsAre(2));
}

TEST(TokenModels, MissingByteTokens) {
  Parts parts;
  parts.AddBytes();
  parts.Add("<unk>", 0, TokenType::kUnknown);
  parts.Add("a", -1);
  EXPECT_THAT(Encode(*parts.Sentencepiece(256).value(), "a\xC3\xA9"), ElementsAre(257, 0xC3, 0xA9));
  EXPECT_THAT(Encode(*parts.Unigram(256, true).value(), "a\xC3\xA9"), ElementsAre(257, 0xC3, 0xA9));
  parts.tokens[0xA9] = "<0x-1>";
  EXPECT_THAT(Encode(*parts.Sentencepiece(256).value(), "a\xC3\xA9z"), ElementsAre(257, 256));
  EXPECT_THAT(Encode(*parts.Sentencepiece().value(), "a\xC3\xA9z"), ElementsAre(257));
  EXPECT_THAT(Encode(*parts.Unigram(256, true).value(), "a\xC3\xA9"), ElementsAre(257, 256));
  CharacterBpeOptions options;
  options.byte_fallback = true;
  EXPECT_THAT(Encode(*parts.Bpe(options).value(), "a\xC3\xA9z"),
              ElementsAre(257, 'z'));  // no unknown token: dropped
}

TEST(TokenModels, ControlTokensAreNeverMadeFromText) {
  Parts parts;
  for (const char* token : {"<unk>", "<", "/", "s", ">", "</", "</s", "</s>", "s>"}) parts.Add(token, -1);
  parts.types[7] = static_cast<std::int64_t>(TokenType::kControl);
  EXPECT_THAT(Encode(*parts.Sentencepiece(0).value(), "</s>"), ElementsAre(6, 4));
  EXPECT_THAT(Encode(*parts.Unigram(0, false, {7}).value(), "</s>"), testing::Not(testing::Contains(7)));
  CharacterBpeOptions options;
  options.ignore_merges = true;
  options.control_ids = {7};
  EXPECT_THAT(Encode(*parts.Bpe(options).value(), "</s>"), ElementsAre(1, 2, 3, 4));
  WordPieceVocabulary wordpiece;
  wordpiece.tokens = &*parts.table;
  wordpiece.control_ids = {7};
  EXPECT_THAT(Encode(*MakeWordPiece(wordpiece).value(), "</s>"), ElementsAre(0));
}

TEST(TokenModels, VocabulariesThatContradictThemselvesAreRefused) {
  Parts parts;
  parts.Add("<unk>");
  parts.Add("a", std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(parts.Sentencepiece(0).status().message(), HasSubstr("score of token 1"));
  EXPECT_THAT(parts.Unigram(0).status().message(), HasSubstr("score of token 1"));
  parts.scores[1] = 0;
  parts.float_scores[1] = 0;
  EXPECT_THAT(parts.Sentencepiece(2).status().message(), HasSubstr("unknown token is 2"));
  EXPECT_THAT(parts.Unigram(-1).status().message(), HasSubstr("unknown token is -1"));
  EXPECT_THAT(parts.Wordpiece(9).status().message(), HasSubstr("unknown token is 9"));
  parts.scores.pop_back();
  parts.float_scores.pop_back();
  EXPECT_THAT(parts.Sentencepiece(0).status().message(), HasSubstr("2 tokens but 1 scores"));
  EXPECT_THAT(parts.Unigram(0).status().message(), HasSubstr("2 tokens but 1 scores"));
  CharacterBpeOptions options;
  options.control_ids = {5};
  EXPECT_THAT(parts.Bpe(options).status().message(), HasSubstr("control token is 5"));
  Ids ids;
  parts.scores.push_back(0);
  const Status unknown = parts.Unigram(std::nullopt).value()->Encode("z", ids);
  EXPECT_THAT(unknown.message(), HasSubstr("\"z\" has no token"));
}

TEST(TokenModels, CutsAtMetaspaceOnlyWhereNoTokenReachesOver) {
  Parts parts;
  parts.AddBytes();
  for (const char* token : {"▁", "a", "▁a", "▁▁", "b"}) parts.Add(token, -1);
  EXPECT_TRUE(parts.Sentencepiece().value()->CutsAtMetaspace());
  EXPECT_TRUE(parts.Bpe({}).value()->CutsAtMetaspace());
  CharacterBpeOptions ignore;
  ignore.ignore_merges = true;
  EXPECT_FALSE(parts.Bpe(ignore).value()->CutsAtMetaspace());
  parts.Add("b▁a", -1);
  EXPECT_FALSE(parts.Sentencepiece().value()->CutsAtMetaspace());
  EXPECT_FALSE(parts.Bpe({}).value()->CutsAtMetaspace());
}

TEST(WordPiece, GgufSpelling) {
  Parts parts;
  for (const char* token : {"[UNK]", "▁un", "do", "▁do", "un"}) parts.Add(token);
  const auto model = parts.Wordpiece(0, std::string(kMetaspaceMark));
  ASSERT_TRUE(model.ok());
  EXPECT_THAT(Encode(**model, "undo"), ElementsAre(1, 2));
  EXPECT_THAT(Encode(**model, "doun"), ElementsAre(3, 4));
  EXPECT_THAT(Encode(**model, "xdo"), ElementsAre(0));
}

TEST(WordPiece, LongPiecesAndLongWords) {
  Parts parts;
  const std::string letters(70, 'a');
  for (const std::string& token : {std::string("[UNK]"), std::string("b"), letters, "##" + letters + "c",
                                   std::string("##a"), std::string("##b"), std::string("#")})
    parts.Add(token);
  const auto model = parts.Wordpiece(0);
  ASSERT_TRUE(model.ok());
  EXPECT_THAT(Encode(**model, letters + "ba"), ElementsAre(2, 5, 4));
  EXPECT_THAT(Encode(**model, "b" + letters + "c"), ElementsAre(1, 3));
  EXPECT_THAT(Encode(**model, "##b"), ElementsAre(5));  // the text may spell the mark itself
  EXPECT_THAT(Encode(**model, "#" + letters.substr(0, 2)), ElementsAre(6, 4, 4));
  WordPieceVocabulary vocabulary;
  vocabulary.tokens = &*parts.table;
  vocabulary.max_input_chars_per_word = 1000;
  Ids expected = {1};
  expected.insert(expected.end(), 300, 5);
  EXPECT_EQ(Encode(*MakeWordPiece(vocabulary).value(), std::string(301, 'b')), expected);
  parts.Add(std::string(1025, 'x'));
  EXPECT_THAT(parts.Wordpiece(0).status().message(), HasSubstr("token 7 has 1025 bytes"));
}

TEST(WordPiece, GgufMarkInsideAWordBeginsNothing) {
  Parts parts;
  for (const char* token : {"[UNK]", "▁a", "b", "▁b"}) parts.Add(token);
  const auto model = parts.Wordpiece(0, std::string(kMetaspaceMark));
  ASSERT_TRUE(model.ok());
  EXPECT_THAT(Encode(**model, "ab"), ElementsAre(1, 2));
  EXPECT_THAT(Encode(**model, "a▁b"), ElementsAre(0));
}

TEST(PieceTrie, FindsEachPieceAndNoOther) {
  // Enough pieces for every way of sorting; few letters, so that beginnings are shared; zero bytes count.
  std::map<std::string, std::int32_t> ids;
  std::uint32_t random = 1;
  const auto next = [&random](std::uint32_t below) {
    random = random * 1664525u + 1013904223u;
    return (random >> 8) % below;
  };
  const std::string kLetters("\0ab\xFF", 4);
  const auto make = [&] {
    std::string text(next(4) == 0 ? "a long beginning that many share " : "");
    for (std::uint32_t left = next(12); left > 0; --left) text.push_back(kLetters[next(4)]);
    return text;
  };
  std::vector<std::string> texts;
  for (std::int32_t id = 0; id < 3000; ++id) texts.push_back(make());
  std::vector<PieceTrie::Piece> pieces;
  for (const std::string& text : texts) {
    const auto id = static_cast<std::int32_t>(pieces.size());
    pieces.push_back({text, id});
    if (!text.empty()) ids[text] = id;  // of equal ones the last counts
  }
  const auto trie = PieceTrie::Create(pieces);
  ASSERT_TRUE(trie.ok());
  for (int i = 0; i < 6000; ++i) {
    const std::string text = i < 3000 ? texts[static_cast<std::size_t>(i)] : make();
    PieceTrie::Walk walk;
    const bool walks = std::all_of(text.begin(), text.end(), [&](char c) {
      return trie.value().Step(walk, static_cast<unsigned char>(c));
    });
    const auto known = ids.find(text);
    EXPECT_EQ(walks ? trie.value().id(walk) : PieceTrie::kNone,
              known == ids.end() ? PieceTrie::kNone : known->second);
  }
}

TEST(Unigram, UnknownNeighboursFuseAsAsked) {
  Parts parts;
  parts.Add("<unk>", -1);
  parts.Add("a", -1);
  UnigramVocabulary vocabulary;
  vocabulary.tokens = parts.tokens;
  vocabulary.scores = parts.scores;
  vocabulary.unk_id = 0;
  EXPECT_THAT(Encode(*MakeUnigram(vocabulary).value(), "zzaéz"), ElementsAre(0, 1, 0));
  vocabulary.fuse_unk = false;
  EXPECT_THAT(Encode(*MakeUnigram(vocabulary).value(), "zzaéz"), ElementsAre(0, 0, 1, 0, 0));
}

}  // namespace
}  // namespace vivace::tokenizer
