// The GGUF kinds beside byte-level BPE: what their vocabularies imply around the model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer/tokenizer.h"

namespace vivace::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

/// <unk> 0, <s> 1, </s> 2, then the pieces; scores fall with the id.
struct Pieces {
  explicit Pieces(std::string_view model, std::vector<std::string_view> pieces) {
    tokens = {"<unk>", "<s>", "</s>"};
    tokens.insert(tokens.end(), pieces.begin(), pieces.end());
    types.assign(tokens.size(), 1);
    types[0] = 2;
    types[1] = types[2] = 3;
    for (std::size_t i = 0; i < tokens.size(); ++i) scores.push_back(-static_cast<float>(i));
    vocabulary.model = model;
    vocabulary.tokens = tokens;
    vocabulary.token_types = types;
    vocabulary.scores = scores;
    vocabulary.unknown_id = 0;
    vocabulary.bos_id = 1;
    vocabulary.eos_id = 2;
  }
  Tokenizer Make() const {
    auto made = Tokenizer::Create(vocabulary);
    EXPECT_TRUE(made.ok()) << made.status().message();
    return std::move(made).value();
  }

  std::vector<std::string_view> tokens;
  std::vector<std::int64_t> types;
  std::vector<float> scores;
  Vocabulary vocabulary;
};

Ids Around(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids = tokenizer.Encode(text, true).value();
  tokenizer.AddSpecialTokens(ids);
  return ids;
}

TEST(TokenizerGguf, LlamaJoinsByScoreAndPutsASpaceFirst) {
  Pieces pieces("llama", {"\u2581he", "\u2581h", "\u2581", "h", "e"});
  EXPECT_THAT(Around(pieces.Make(), "he e"), ElementsAre(1, 3, 5, 7));
  EXPECT_THAT(Around(pieces.Make(), "he</s>he"), ElementsAre(1, 3, 2, 3));
  EXPECT_EQ(pieces.Make().Decode(Ids{3, 5, 7}, true), "he e");
  pieces.vocabulary.add_space_prefix = false;
  pieces.vocabulary.add_bos = false;
  EXPECT_THAT(Around(pieces.Make(), "he"), ElementsAre(6, 7));
  EXPECT_EQ(pieces.Make().Decode(Ids{3}, true), " he");
}

TEST(TokenizerGguf, T5TakesTheBestSumAndEndsWithEos) {
  Pieces pieces("t5", {"\u2581he", "\u2581h", "\u2581", "h", "e"});
  EXPECT_THAT(Around(pieces.Make(), "he e"), ElementsAre(3, 5, 7, 2));
  EXPECT_EQ(pieces.Make().Decode(Ids{3, 5, 7}, true), "he e");
  EXPECT_FALSE(pieces.Make().add_bos());
  EXPECT_TRUE(pieces.Make().add_eos());
}

TEST(TokenizerGguf, BertLowersAndTakesTheLongestPiece) {
  Pieces pieces("bert", {"\u2581he", "llo", "l", "\u2581!"});
  EXPECT_THAT(Around(pieces.Make(), "HEllol!"), ElementsAre(1, 3, 4, 5, 6, 2));
  EXPECT_THAT(Around(pieces.Make(), "zz"), ElementsAre(1, 0, 2));
  pieces.vocabulary.unknown_id.reset();
  EXPECT_THAT(Tokenizer::Create(pieces.vocabulary).status().message(), HasSubstr("unknown_token_id"));
}

TEST(TokenizerGguf, ScoresMustBeThere) {
  for (const std::string_view model : {"llama", "t5"}) {
    Pieces pieces(model, {"a"});
    pieces.vocabulary.scores = {};
    EXPECT_THAT(Tokenizer::Create(pieces.vocabulary).status().message(), HasSubstr("4 tokens but 0 scores"));
  }
}

TEST(TokenizerGguf, EndOfTurnEndsAnAnswerToo) {
  Pieces pieces("llama", {"<end>", "a"});
  pieces.vocabulary.eot_id = 3;
  EXPECT_THAT(pieces.Make().end_ids(), ElementsAre(2, 3));
  pieces.vocabulary.eot_id = 2;
  EXPECT_THAT(pieces.Make().end_ids(), ElementsAre(2));
  pieces.vocabulary.eot_id = 9;
  EXPECT_THAT(Tokenizer::Create(pieces.vocabulary).status().message(), HasSubstr("eot_token_id is 9"));
}

}  // namespace
}  // namespace vivace::tokenizer
