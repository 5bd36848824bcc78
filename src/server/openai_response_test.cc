#include "server/openai_response.h"

#include <gtest/gtest.h>

#include "server/logprobs_json.h"

namespace vivace::server {
namespace {

std::string ByteText(std::int32_t token) {
  return std::string(1, static_cast<char>(token));
}

ReplyFrame Frame(ApiKind kind) {
  return {.kind = kind, .id = "x-1", .created = 7, .model = "m"};
}

TEST(OpenAiResponse, AWholeCompletion) {
  ChoicePart part;
  part.text = "hi\n";
  part.finish_reason = FinishReason::kStop;
  part.stop_reason = "END";
  const std::vector parts = {part};
  EXPECT_EQ(WholeReply(Frame(ApiKind::kCompletion), parts, {3, 2, 1}, ByteText),
            R"({"id":"x-1","object":"text_completion","created":7,"model":"m","choices":[{"index":0,)"
            R"("text":"hi\n","logprobs":null,"finish_reason":"stop","stop_reason":"END"}],)"
            R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}})");
  ReplyFrame detailed = Frame(ApiKind::kCompletion);
  detailed.with_prompt_details = true;
  EXPECT_NE(WholeReply(detailed, parts, {3, 2, 1}, ByteText)
                .find(R"("total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}})"),
            std::string::npos);
}

TEST(OpenAiResponse, AWholeChatAnswerAndItsChunks) {
  ChoicePart part;
  part.text = "hi";
  part.finish_reason = FinishReason::kLength;
  const std::vector parts = {part};
  EXPECT_NE(
      WholeReply(Frame(ApiKind::kChat), parts, {}, ByteText)
          .find(
              R"("message":{"role":"assistant","content":"hi","refusal":null},"logprobs":null,"finish_reason":"length")"),
      std::string::npos);
  part.finish_reason = FinishReason::kNone;
  EXPECT_EQ(
      ChunkReply(Frame(ApiKind::kChat), part, {.follows = true}, ByteText),
      R"({"id":"x-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,)"
      R"("delta":{"content":"hi"},"logprobs":null,"finish_reason":null,"stop_reason":null}],"usage":null})");
  part.with_role = true;
  EXPECT_NE(ChunkReply(Frame(ApiKind::kChat), part, {}, ByteText)
                .find(R"("delta":{"role":"assistant","content":"hi"})"),
            std::string::npos);
  EXPECT_NE(UsageChunk(Frame(ApiKind::kChat), {1, 2, 0}).find(R"("choices":[],"usage":{"prompt_tokens":1)"),
            std::string::npos);
}

TEST(OpenAiResponse, CompletionLogprobsAreParallelArrays) {
  ChoicePart part;
  part.with_logprobs = true;
  part.echo_ids = {'a', 'b'};
  part.echo_logprobs = {{'b', -1.5f, {{'c', -0.1f}}}};
  part.logprobs = {{0xE2, -0.1f, {{0xE2, -0.1f}}}};
  std::string out;
  AppendCompletionLogprobs(part, ByteText, out);
  EXPECT_EQ(out,
            R"({"text_offset":[0,1,2],"token_logprobs":[null,-1.5,-0.1],"tokens":["a","b","bytes:\\xe2"],)"
            R"("top_logprobs":[null,{"c":-0.1,"b":-1.5},{"bytes:\\xe2":-0.1}]})");
}

TEST(OpenAiResponse, ChatLogprobsHaveBytes) {
  ChoicePart part;
  part.with_logprobs = true;
  part.logprobs = {{'a', -0.25f, {{'a', -0.25f}, {'b', -2.0f}}}};
  std::string out;
  AppendChatLogprobs(part, ByteText, out);
  EXPECT_EQ(
      out,
      R"({"content":[{"token":"a","logprob":-0.25,"bytes":[97],"top_logprobs":[)"
      R"({"token":"a","logprob":-0.25,"bytes":[97]},{"token":"b","logprob":-2,"bytes":[98]}]}],"refusal":null})");
}

TEST(OpenAiResponse, PromptLogprobsAreByTokenIdWithTheirRank) {
  ChoicePart part;
  part.prompt_logprobs = {{'b', -1.5f, {{'c', -0.5f}, {'b', -1.5f}}}, {'d', -9.0f, {{'c', -0.5f}}}};
  std::string out;
  AppendPromptLogprobs(part, ByteText, out);
  EXPECT_EQ(out, R"(,"prompt_logprobs":[null,{"99":{"logprob":-0.5,"rank":1,"decoded_token":"c"},)"
                 R"("98":{"logprob":-1.5,"rank":2,"decoded_token":"b"}},)"
                 R"({"99":{"logprob":-0.5,"rank":1,"decoded_token":"c"},)"
                 R"("100":{"logprob":-9,"rank":null,"decoded_token":"d"}}])");
}

TEST(OpenAiResponse, TokensMayBeWrittenAsTheirIds) {
  ChoicePart part;
  part.with_logprobs = true;
  part.tokens_as_ids = true;
  part.logprobs = {{'a', -0.25f, {{'a', -0.25f}}}};
  std::string out;
  AppendCompletionLogprobs(part, ByteText, out);
  EXPECT_NE(out.find(R"("tokens":["token_id:97"],"top_logprobs":[{"token_id:97":-0.25}])"),
            std::string::npos);
  out.clear();
  AppendChatLogprobs(part, ByteText, out);
  EXPECT_NE(out.find(R"({"token":"token_id:97","logprob":-0.25,"bytes":[97])"), std::string::npos) << out;
}

TEST(OpenAiResponse, AStopTokenIsTheReasonByItsId) {
  ChoicePart part;
  part.stop_token = 5;
  part.finish_reason = FinishReason::kStop;
  EXPECT_NE(ChunkReply(Frame(ApiKind::kChat), part, {}, ByteText).find(R"("stop_reason":5)"),
            std::string::npos);
}

TEST(OpenAiResponse, AChatAnswerSaysItsPromptOnce) {
  ChoicePart part;
  part.with_token_ids = true;
  part.token_ids = {7};
  part.prompt_token_ids = {1, 2};
  EXPECT_NE(WholeReply(Frame(ApiKind::kChat), std::vector{part, part}, {}, ByteText)
                .find(R"("token_ids":[7]}],"prompt_token_ids":[1,2],"usage")"),
            std::string::npos);
}

}  // namespace
}  // namespace vivace::server
