#include "server/openai_request.h"

#include <gtest/gtest.h>

namespace vivace::server {
namespace {

std::optional<ApiError> Parse(ApiKind kind, std::string_view body, ApiRequest& request) {
  return ParseApiRequest(kind, body, RequestRules(), request);
}

struct BadBody {
  ApiKind kind;
  const char* body;
  const char* param;
  const char* words;  // part of the message
};

class BadBodies : public ::testing::TestWithParam<BadBody> {};

TEST_P(BadBodies, NamesTheFieldItsValueAndWhatIsAllowed) {
  const BadBody& bad = GetParam();
  ApiRequest request;
  const auto error = ParseApiRequest(bad.kind, bad.body, RequestRules(), request);
  ASSERT_TRUE(error.has_value()) << bad.body;
  EXPECT_EQ(error->status, 400);
  EXPECT_EQ(error->param, bad.param) << bad.body;
  EXPECT_NE(error->message.find(bad.words), std::string::npos) << error->message;
}

constexpr ApiKind kText = ApiKind::kCompletion;

INSTANTIATE_TEST_SUITE_P(
    Body, BadBodies,
    ::testing::Values(BadBody{kText, "", "", "not valid JSON"}, BadBody{kText, "{", "", "not valid JSON"},
                      BadBody{kText, "null", "", "must be a JSON object"},
                      BadBody{kText, "[]", "", "must be a JSON object"},
                      BadBody{kText, "{\"prompt\":\"\xFF\"}", "", "not valid JSON"},
                      BadBody{kText, R"({"prompt":"a","x":NaN})", "", "not valid JSON"}));

TEST(OpenAiRequest, NestingDeeperThanTheLimitIsRefusedAlsoInUnknownFields) {
  const std::string body =
      R"({"prompt":"a","x":)" + std::string(100000, '[') + std::string(100000, ']') + "}";
  ApiRequest request;
  const auto error = Parse(ApiKind::kCompletion, body, request);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->message, "the body is JSON nested deeper than 64");
}

TEST(OpenAiRequest, TheServersBoundsHold) {
  RequestRules rules;
  rules.max_choices = 3;
  rules.max_stop_strings = 1;
  rules.json_depth = 4;
  rules.text_bytes = 8;
  const auto refusal = [&](std::string_view body) {
    ApiRequest request;
    const auto error = ParseApiRequest(kText, body, rules, request);
    return error ? error->param + ": " + error->message : "none";
  };
  EXPECT_EQ(refusal(R"({"prompt":"12345678","n":3,"stop":["a"],"x":[[[1]]]})"), "none");
  EXPECT_TRUE(refusal(R"({"prompt":"a","n":4})").starts_with("n: n must be an integer from 1 to 3"));
  EXPECT_TRUE(refusal(R"({"prompt":"a","n":3,"best_of":4})")
                  .starts_with("best_of: best_of must be an integer from 1 to 3"));
  EXPECT_TRUE(refusal(R"({"prompt":"a","stop":["a","b"]})").starts_with("stop: "));
  EXPECT_TRUE(refusal(R"({"prompt":"a","x":[[[[1]]]]})").ends_with("nested deeper than 4"));
  EXPECT_TRUE(
      refusal(R"({"prompt":"123456789"})").starts_with("prompt: prompt holds a text of over 8 bytes"));
  EXPECT_TRUE(refusal(R"({"prompt":"a","x":[{"y":"123456789"}]})").starts_with("x: x holds a text"));
  EXPECT_TRUE(refusal(R"({"prompt":"a","x":{"123456789":1}})").starts_with("x: x holds a text"));
}

TEST(OpenAiRequest, CompletionDefaultsAreThoseOfTheApi) {
  ApiRequest request;
  ASSERT_FALSE(Parse(ApiKind::kCompletion, R"({"prompt":"hi"})", request));
  EXPECT_EQ(request.max_tokens, 16);
  EXPECT_EQ(request.sampling.temperature, 1.0);
  EXPECT_EQ(request.sampling.logprobs, -1);
  EXPECT_EQ(request.n, 1);
  EXPECT_FALSE(request.sampling.seed.has_value());
  EXPECT_EQ(std::get<std::string>(request.prompts.at(0)), "hi");
}

TEST(OpenAiRequest, EveryFormOfPromptIsRead) {
  ApiRequest request;
  ASSERT_FALSE(Parse(ApiKind::kCompletion, R"({"prompt":[5,6.0]})", request));
  ASSERT_EQ(request.prompts.size(), 1u);
  EXPECT_EQ(std::get<1>(request.prompts[0]), (std::vector<std::int32_t>{5, 6}));
  ASSERT_FALSE(Parse(ApiKind::kCompletion, R"({"prompt":["a",[7]]})", request));
  ASSERT_EQ(request.prompts.size(), 2u);
  EXPECT_EQ(std::get<1>(request.prompts[1]), std::vector<std::int32_t>{7});
}

TEST(OpenAiRequest, NeutralValuesAndUnknownFieldsAreAccepted) {
  ApiRequest request;
  const auto error = Parse(
      ApiKind::kCompletion,
      R"({"prompt":"a","best_of":1,"presence_penalty":0,"logit_bias":{},"response_format":{"type":"text"},
          "stop":null,"temperature":null,"suffix":"","mm_payload":"tensors","user":"me","never_heard_of":[{"x":1}],"max_tokens":4.0,
          "stream":true,"stream_options":{"include_usage":true},"echo":false,"seed":-9223372036854775808})",
      request);
  ASSERT_FALSE(error) << error->message;
  EXPECT_EQ(request.max_tokens, 4);
  EXPECT_TRUE(request.include_usage);
  EXPECT_EQ(request.sampling.seed, std::numeric_limits<std::int64_t>::min());
}

TEST(OpenAiRequest, ScoringATextAsksForPromptLogprobsAndNoToken) {
  ApiRequest request;
  ASSERT_FALSE(
      Parse(ApiKind::kCompletion, R"({"prompt":"a","echo":true,"max_tokens":0,"logprobs":1})", request));
  EXPECT_EQ(request.max_tokens, 0);
  EXPECT_EQ(request.sampling.prompt_logprobs, 1);
}

TEST(OpenAiRequest, ChatContentMayBeTextPartsAndTheNewerLimitWins) {
  ApiRequest request;
  ASSERT_FALSE(Parse(ApiKind::kChat,
                     R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":
          [{"type":"text","text":"a"},{"type":"text","text":"b"}]}],
          "max_tokens":3,"max_completion_tokens":5,"logprobs":true,"top_logprobs":2})",
                     request));
  EXPECT_EQ(request.chat.messages.at(1).content, "a\nb");
  EXPECT_EQ(request.max_tokens, 5);
  EXPECT_EQ(request.sampling.logprobs, 2);
}

TEST(OpenAiRequest, LongValuesAreCutInMessages) {
  ApiRequest request;
  const std::string body = R"({"prompt":"a","temperature":")" + std::string(5000, 'x') + "\"}";
  const auto error = Parse(ApiKind::kCompletion, body, request);
  ASSERT_TRUE(error);
  EXPECT_LT(error->message.size(), 200u);
}

}  // namespace
}  // namespace vivace::server
