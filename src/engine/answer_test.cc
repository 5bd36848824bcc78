#include "engine/answer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "engine/model_text.h"
#include "runtime/tiny_model.h"

namespace vivace::engine {
namespace {

constexpr std::int32_t kEnd = runtime::TinyModelSpec::kEnd;

std::int32_t Byte(char c) {
  return runtime::TinyModelSpec::kFirstByte + static_cast<unsigned char>(c);
}

class AnswerTest : public testing::Test {
 protected:
  AnswerTest() {
    const std::string bytes = runtime::TinyModel({}).Bytes();
    words_.resize((bytes.size() + 7) / 8);
    std::memcpy(words_.data(), bytes.data(), bytes.size());
    auto file = checkpoint::Checkpoint::Parse(std::as_bytes(std::span(words_)).first(bytes.size()), "tiny");
    EXPECT_TRUE(file.ok());
    file_ = std::move(file).value();
    auto text = ModelText::Create(*file_);
    EXPECT_TRUE(text.ok());
    text_ = std::move(text).value();
  }

  // All tokens pushed until the answer ends; its pieces joined.
  RequestOutput Run(const SamplingParams& params, const std::vector<std::int32_t>& tokens) {
    Answer answer(text_->tokenizer(), params, text_->end_tokens());
    for (const std::int32_t token : tokens) {
      sampling::SampleResult sampled;
      sampled.chosen = {token, -0.5f};
      sampled.top = {{7, -0.25f}};
      if (!answer.Push(sampled)) break;
    }
    return answer.TakePiece();
  }
  RequestOutput Say(const SamplingParams& params, std::string_view text) {
    std::vector<std::int32_t> tokens;
    for (const char c : text) tokens.push_back(Byte(c));
    return Run(params, tokens);
  }

  std::vector<std::uint64_t> words_;
  std::unique_ptr<checkpoint::Checkpoint> file_;
  std::unique_ptr<ModelText> text_;
};

TEST_F(AnswerTest, EndsAtItsLengthWithTheTextThatWasHeldBack) {
  SamplingParams params;
  params.max_tokens = 4;
  params.stop = {"cdef"};
  const RequestOutput out = Say(params, "abcdef");
  EXPECT_EQ(out.text, "abcd");
  EXPECT_EQ(out.token_ids.size(), 4u);
  EXPECT_EQ(out.finish_reason, FinishReason::kLength);
  EXPECT_EQ(out.stop_reason, "");
}

TEST_F(AnswerTest, TextThatMayBeginAStopStringIsNotShownYet) {
  SamplingParams params;
  params.stop = {"cdef"};
  const RequestOutput out = Say(params, "abcd");
  EXPECT_EQ(out.text, "ab");
  EXPECT_EQ(out.finish_reason, FinishReason::kNone);
}

TEST_F(AnswerTest, EndsBeforeTheStopString) {
  SamplingParams params;
  params.stop = {"zz", "cd"};
  const RequestOutput out = Say(params, "abcdef");
  EXPECT_EQ(out.text, "ab");
  EXPECT_EQ(out.token_ids.size(), 4u) << "the stop string's tokens count";
  EXPECT_EQ(out.finish_reason, FinishReason::kStop);
  EXPECT_EQ(out.stop_reason, "cd");
}

TEST_F(AnswerTest, AnUnfinishedCharacterAtTheEndIsReplaced) {
  SamplingParams params;
  params.max_tokens = 2;
  EXPECT_EQ(Say(params, "a\xC3").text, "a\xEF\xBF\xBD");
  params.max_tokens = 3;
  EXPECT_EQ(Say(params, "a\xC3\xA9").text, "a\xC3\xA9");
}

TEST_F(AnswerTest, AnEndTokenEndsItWithoutText) {
  SamplingParams params;
  const RequestOutput out = Run(params, {Byte('a'), kEnd, Byte('b')});
  EXPECT_EQ(out.text, "a");
  EXPECT_EQ(out.token_ids, (std::vector<std::int32_t>{Byte('a'), kEnd}));
  EXPECT_EQ(out.finish_reason, FinishReason::kStop);
  params.ignore_eos = true;
  params.max_tokens = 3;
  EXPECT_EQ(Run(params, {Byte('a'), kEnd, Byte('b')}).text, "ab");
}

TEST_F(AnswerTest, AStopTokenIsNamedAndAnEndTokenIsNot) {
  SamplingParams params;
  params.stop_token_ids = {Byte('b')};
  RequestOutput out = Say(params, "abc");
  EXPECT_EQ(out.text, "a");
  EXPECT_EQ(out.finish_reason, FinishReason::kStop);
  EXPECT_EQ(out.stop_token, Byte('b'));
  EXPECT_EQ(out.stop_reason, "");
  out = Run(params, {Byte('a'), kEnd});
  EXPECT_EQ(out.finish_reason, FinishReason::kStop);
  EXPECT_EQ(out.stop_token, std::nullopt);
}

TEST_F(AnswerTest, TheTextKeepsWhatEndedItWhenAsked) {
  SamplingParams params;
  params.stop = {"zz", "cd"};
  params.stop_token_ids = {Byte('x')};
  params.include_stop_str_in_output = true;
  EXPECT_EQ(Say(params, "abcdef").text, "abcd");
  EXPECT_EQ(Say(params, "abx").text, "abx");
  EXPECT_EQ(Run(params, {Byte('a'), kEnd}).text, "a") << "a control token has no text";
  params.skip_special_tokens = false;
  EXPECT_EQ(Run(params, {Byte('a'), kEnd}).text, "a" + text_->tokenizer().TokenText(kEnd));
}

TEST_F(AnswerTest, ControlTokensShowWhenTheyAreNotSkipped) {
  SamplingParams params;
  params.ignore_eos = true;
  params.max_tokens = 3;
  const std::vector<std::int32_t> tokens = {Byte('a'), kEnd, Byte('b')};
  EXPECT_EQ(Run(params, tokens).text, "ab");
  params.skip_special_tokens = false;
  EXPECT_EQ(Run(params, tokens).text, "a" + text_->tokenizer().TokenText(kEnd) + "b");
}

TEST_F(AnswerTest, StopStringsAreLookedForAfterMinTokens) {
  SamplingParams params;
  params.stop = {"b"};
  params.min_tokens = 3;
  const RequestOutput out = Say(params, "abbcbd");
  EXPECT_EQ(out.text, "abbc");
  EXPECT_EQ(out.stop_reason, "b");
}

TEST_F(AnswerTest, LogprobsComeOnlyWhenAskedFor) {
  SamplingParams params;
  params.max_tokens = 2;
  EXPECT_TRUE(Say(params, "ab").logprobs.empty());
  params.logprobs = 1;
  const RequestOutput out = Say(params, "ab");
  ASSERT_EQ(out.logprobs.size(), 2u);
  EXPECT_EQ(out.logprobs[1].token, Byte('b'));
  EXPECT_EQ(out.logprobs[1].logprob, -0.5f);
  EXPECT_EQ(out.logprobs[1].top, (std::vector<std::pair<std::int32_t, float>>{{7, -0.25f}}));
}

}  // namespace
}  // namespace vivace::engine
