#include "server/openai_request.h"

#include <gtest/gtest.h>

namespace vivace::server {
namespace {

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
  const auto error = ParseApiRequest(bad.kind, bad.body, request);
  ASSERT_TRUE(error.has_value()) << bad.body;
  EXPECT_EQ(error->status, 400);
  EXPECT_EQ(error->param, bad.param) << bad.body;
  EXPECT_NE(error->message.find(bad.words), std::string::npos) << error->message;
}

constexpr ApiKind kText = ApiKind::kCompletion;
constexpr ApiKind kChat = ApiKind::kChat;

INSTANTIATE_TEST_SUITE_P(
    Body, BadBodies,
    ::testing::Values(BadBody{kText, "", "", "not valid JSON"}, BadBody{kText, "{", "", "not valid JSON"},
                      BadBody{kText, "null", "", "must be a JSON object"},
                      BadBody{kText, "[]", "", "must be a JSON object"},
                      BadBody{kText, "{\"prompt\":\"\xFF\"}", "", "not valid JSON"},
                      BadBody{kText, R"({"prompt":"a","x":NaN})", "", "not valid JSON"}));

INSTANTIATE_TEST_SUITE_P(
    Prompt, BadBodies,
    ::testing::Values(BadBody{kText, "{}", "prompt", "is missing"},
                      BadBody{kText, R"({"prompt":null})", "prompt", "is missing"},
                      BadBody{kText, R"({"prompt":7})", "prompt", "but is 7"},
                      BadBody{kText, R"({"prompt":[]})", "prompt", "is empty"},
                      BadBody{kText, R"({"prompt":[-1]})", "prompt", "item 0 is -1"},
                      BadBody{kText, R"({"prompt":[1,"a"]})", "prompt", "item 1 is \"a\""},
                      BadBody{kText, R"({"prompt":[1,4294967296]})", "prompt", "item 1 is 4294967296"},
                      BadBody{kText, R"({"prompt":["a",[1.5]]})", "prompt", "item 0 is 1.5"},
                      BadBody{kText, R"({"prompt":["a",{}]})", "prompt", "item 1 of prompt is an object"}));

INSTANTIATE_TEST_SUITE_P(
    Sampling, BadBodies,
    ::testing::Values(
        BadBody{kText, R"({"prompt":"a","temperature":2.1})", "temperature", "from 0 to 2, but is 2.1"},
        BadBody{kText, R"({"prompt":"a","temperature":"hot"})", "temperature", "but is \"hot\""},
        BadBody{kText, R"({"prompt":"a","temperature":1e999})", "temperature", "from 0 to 2"},
        BadBody{kText, R"({"prompt":"a","top_p":0})", "top_p", "above 0 to 1, but is 0"},
        BadBody{kText, R"({"prompt":"a","top_k":-2})", "top_k", "but is -2"},
        BadBody{kText, R"({"prompt":"a","seed":1.5})", "seed", "must be an integer"},
        BadBody{kText, R"({"prompt":"a","seed":18446744073709551615})", "seed", "must be an integer"},
        BadBody{kText, R"({"prompt":"a","n":0})", "n", "from 1 to 128, but is 0"},
        BadBody{kText, R"({"prompt":"a","n":1000000000})", "n", "from 1 to 128"},
        BadBody{kText, R"({"prompt":["a","b","c","d","e","f","g","h","i"],"n":128})", "prompt", "1024"},
        BadBody{kText, R"({"prompt":"a","max_tokens":0})", "max_tokens", "but is 0"},
        BadBody{kText, R"({"prompt":"a","max_tokens":true})", "max_tokens", "but is true"},
        BadBody{kText, R"({"prompt":"a","logprobs":21})", "logprobs", "from 0 to 20, but is 21"},
        BadBody{kText, R"({"prompt":"a","ignore_eos":1})", "ignore_eos", "true or false, but is 1"},
        BadBody{kText, R"({"prompt":"a","stop":""})", "stop", "empty string"},
        BadBody{kText, R"({"prompt":"a","stop":[1]})", "stop", "one item is 1"},
        BadBody{kText, R"({"prompt":"a","stop":{}})", "stop", "but is an object"},
        BadBody{kText, R"({"prompt":"a","stop":["1","2","3","4","5","6","7","8","9","10","11","12","13",
                "14","15","16","17"]})",
                "stop", "17 strings; at most 16"},
        BadBody{kText, R"({"prompt":"a","stop_token_ids":[-5]})", "stop_token_ids", "item 0 is -5"},
        BadBody{kText, R"({"prompt":"a","model":5})", "model", "must be a string"},
        BadBody{kText, R"({"prompt":"a","stream":"yes"})", "stream", "true or false"},
        BadBody{kText, R"({"prompt":"a","stream_options":{}})", "stream_options", "only with"},
        BadBody{kText, R"({"prompt":"a","stream":true,"stream_options":{"include_usage":1}})",
                "stream_options.include_usage", "true or false"}));

INSTANTIATE_TEST_SUITE_P(
    Unsupported, BadBodies,
    ::testing::Values(BadBody{kText, R"({"prompt":"a","best_of":2})", "best_of", "not supported"},
                      BadBody{kText, R"({"prompt":"a","logit_bias":{"5":-100}})", "logit_bias", "supported"},
                      BadBody{kText, R"({"prompt":"a","frequency_penalty":0.5})", "frequency_penalty", "0.5"},
                      BadBody{kText, R"({"prompt":"a","suffix":"x"})", "suffix", "not supported"},
                      BadBody{kChat,
                              R"({"messages":[{"role":"user","content":"a"}],
                                 "response_format":{"type":"json_object"}})",
                              "response_format", "not supported"},
                      BadBody{kChat, R"({"messages":[{"role":"user","content":"a"}],"tools":[{}]})", "tools",
                              "not supported"}));

INSTANTIATE_TEST_SUITE_P(
    Chat, BadBodies,
    ::testing::Values(
        BadBody{kChat, "{}", "messages", "is missing"},
        BadBody{kChat, R"({"messages":[]})", "messages", "1 to 4096"},
        BadBody{kChat, R"({"messages":["a"]})", "messages", "messages[0] must be an object"},
        BadBody{kChat, R"({"messages":[{"content":"a"}]})", "messages", "messages[0].role"},
        BadBody{kChat, R"({"messages":[{"role":"user"}]})", "messages", "messages[0].content is missing"},
        BadBody{kChat, R"({"messages":[{"role":"user","content":5}]})", "messages", "but is 5"},
        BadBody{kChat, R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})", "messages",
                "\"image_url\""},
        BadBody{kChat, R"({"messages":[{"role":"user","content":"a"}],"top_logprobs":3})", "top_logprobs",
                "only with"},
        BadBody{kChat, R"({"messages":[{"role":"user","content":"a"}],"max_completion_tokens":-1})",
                "max_completion_tokens", "but is -1"}));

TEST(OpenAiRequest, NestingDeeperThanTheLimitIsRefusedAlsoInUnknownFields) {
  const std::string body =
      R"({"prompt":"a","x":)" + std::string(100000, '[') + std::string(100000, ']') + "}";
  ApiRequest request;
  const auto error = ParseApiRequest(ApiKind::kCompletion, body, request);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->message, "the body is JSON nested deeper than 64");
}

TEST(OpenAiRequest, CompletionDefaultsAreThoseOfTheApi) {
  ApiRequest request;
  ASSERT_FALSE(ParseApiRequest(ApiKind::kCompletion, R"({"prompt":"hi"})", request));
  EXPECT_EQ(request.max_tokens, 16);
  EXPECT_EQ(request.sampling.temperature, 1.0);
  EXPECT_EQ(request.sampling.logprobs, -1);
  EXPECT_EQ(request.n, 1);
  EXPECT_FALSE(request.sampling.seed.has_value());
  EXPECT_EQ(std::get<std::string>(request.prompts.at(0)), "hi");
}

TEST(OpenAiRequest, EveryFormOfPromptIsRead) {
  ApiRequest request;
  ASSERT_FALSE(ParseApiRequest(ApiKind::kCompletion, R"({"prompt":[5,6.0]})", request));
  ASSERT_EQ(request.prompts.size(), 1u);
  EXPECT_EQ(std::get<1>(request.prompts[0]), (std::vector<std::int32_t>{5, 6}));
  ASSERT_FALSE(ParseApiRequest(ApiKind::kCompletion, R"({"prompt":["a",[7]]})", request));
  ASSERT_EQ(request.prompts.size(), 2u);
  EXPECT_EQ(std::get<1>(request.prompts[1]), std::vector<std::int32_t>{7});
}

TEST(OpenAiRequest, NeutralValuesAndUnknownFieldsAreAccepted) {
  ApiRequest request;
  const auto error = ParseApiRequest(
      ApiKind::kCompletion,
      R"({"prompt":"a","best_of":1,"presence_penalty":0,"logit_bias":{},"response_format":{"type":"text"},
          "stop":null,"temperature":null,"user":"me","never_heard_of":[{"x":1}],"max_tokens":4.0,
          "stream":true,"stream_options":{"include_usage":true},"echo":false,"seed":-9223372036854775808})",
      request);
  ASSERT_FALSE(error) << error->message;
  EXPECT_EQ(request.max_tokens, 4);
  EXPECT_TRUE(request.include_usage);
  EXPECT_EQ(request.sampling.seed, std::numeric_limits<std::int64_t>::min());
}

TEST(OpenAiRequest, ScoringATextAsksForPromptLogprobsAndNoToken) {
  ApiRequest request;
  ASSERT_FALSE(ParseApiRequest(ApiKind::kCompletion,
                               R"({"prompt":"a","echo":true,"max_tokens":0,"logprobs":1})", request));
  EXPECT_EQ(request.max_tokens, 0);
  EXPECT_EQ(request.sampling.prompt_logprobs, 1);
}

TEST(OpenAiRequest, ChatContentMayBeTextPartsAndTheNewerLimitWins) {
  ApiRequest request;
  ASSERT_FALSE(ParseApiRequest(ApiKind::kChat,
                               R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":
          [{"type":"text","text":"a"},{"type":"text","text":"b"}]}],
          "max_tokens":3,"max_completion_tokens":5,"logprobs":true,"top_logprobs":2})",
                               request));
  EXPECT_EQ(request.messages.at(1).content, "a\nb");
  EXPECT_EQ(request.max_tokens, 5);
  EXPECT_EQ(request.sampling.logprobs, 2);
}

TEST(OpenAiRequest, LongValuesAreCutInMessages) {
  ApiRequest request;
  const std::string body = R"({"prompt":"a","temperature":")" + std::string(5000, 'x') + "\"}";
  const auto error = ParseApiRequest(ApiKind::kCompletion, body, request);
  ASSERT_TRUE(error);
  EXPECT_LT(error->message.size(), 200u);
}

}  // namespace
}  // namespace vivace::server
