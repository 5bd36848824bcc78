// Requests with mistakes, one row each: what is sent, the field that the error names and its text. After each
// the same good request has the same answer, byte for byte.
#include "server/server_fixture.h"

namespace vivace::server {
namespace {

constexpr std::string_view kText = "/v1/completions";
constexpr std::string_view kChat = "/v1/chat/completions";
constexpr std::string_view kTokenize = "/tokenize";
constexpr std::string_view kDetokenize = "/detokenize";

/// `fields` are added to a request that is otherwise right; with a { in front they are the whole body.
struct BadRequest {
  std::string_view path;
  std::string fields;
  std::string_view param;
  std::string_view message;  // its start
  int status = 400;
};

void PrintTo(const BadRequest& bad, std::ostream* out) {
  *out << bad.path << " " << bad.fields.substr(0, 80);
}

std::string Repeated(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += (i > 0 ? "," : "") + std::string(text);
  return out;
}

std::string Body(const BadRequest& bad) {
  if (bad.fields.empty() || bad.fields.front() != '"') return bad.fields;
  if (bad.path == kChat) return R"({"messages":[{"role":"user","content":"ab"}],)" + bad.fields + "}";
  return R"({"prompt":"ab",)" + bad.fields + "}";
}

std::string Messages(std::string_view list) {
  return R"({"messages":)" + std::string(list) + "}";
}

class BadRequests : public ServerFixture, public ::testing::WithParamInterface<BadRequest> {
 protected:
  /// The good request; its answer without what differs from one request to the next.
  static std::string Good(Client& client) {
    client.Post(kText, R"({"prompt":"abc","max_tokens":5,"logprobs":1,"seed":1,"request_id":"good"})");
    std::string reply = client.ReadReply();
    const std::size_t created = reply.find(R"("created":)");
    if (created != std::string::npos) reply.erase(created, reply.find(',', created) - created);
    return reply;
  }
};

std::string EscapedStart(std::string_view message) {
  std::string out;
  base::AppendJsonString(message, out);
  out.pop_back();
  return out;
}

TEST_P(BadRequests, NamesTheFieldAndLeavesTheServerAsItWas) {
  const BadRequest& bad = GetParam();
  Client client(port_);
  const std::string before = Good(client);
  ASSERT_TRUE(before.starts_with("HTTP/1.1 200 ")) << before;
  client.Post(bad.path, Body(bad));
  const std::string reply = client.ReadReply();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 " + std::to_string(bad.status) + " "))
      << Body(bad).substr(0, 200) << reply;
  EXPECT_TRUE(Has(reply, R"({"error":{"message":)" + EscapedStart(bad.message))) << reply;
  const std::string param = bad.param.empty() ? "null" : "\"" + std::string(bad.param) + "\"";
  EXPECT_TRUE(Has(reply, R"("param":)" + param + ",")) << reply;
  EXPECT_EQ(Good(client), before);
}

#define BAD_REQUESTS(name, ...) \
  INSTANTIATE_TEST_SUITE_P(name, BadRequests, ::testing::ValuesIn(std::vector<BadRequest>{__VA_ARGS__}))

BAD_REQUESTS(Json, {kText, "", "", "the body is not valid JSON: incomplete JSON"},
             {kText, "{", "", "the body is not valid JSON: incomplete JSON"},
             {kText, "null", "", "the body must be a JSON object, but is null"},
             {kText, "[]", "", "the body must be a JSON object, but is an array of 0"},
             {kChat, "7", "", "the body must be a JSON object, but is 7"},
             {kText, "{\"prompt\":\"\xFF\"}", "", "the body is not valid JSON: "},
             {kText, R"({"prompt":"a","x":NaN})", "", "the body is not valid JSON: "},
             {kText, "\xEF\xBB\xBF{\"prompt\":\"a\"}", "", "the body is not valid JSON: "},
             {kText, R"({"prompt":"\ud800"})", "", "the body is not valid JSON: "},
             {kText, R"({"prompt":"a","x":)" + std::string(5000, '[') + std::string(5000, ']') + "}", "",
              "the body is JSON nested deeper than 64"});

BAD_REQUESTS(
    S1Choices, {kText, R"("n":0)", "n", "n must be an integer from 1 to 128, but is 0"},
    {kText, R"("n":-1)", "n", "n must be an integer from 1 to 128, but is -1"},
    {kText, R"("n":129)", "n", "n must be an integer from 1 to 128, but is 129"},
    {kText, R"("n":1000000000)", "n", "n must be an integer from 1 to 128, but is 1000000000"},
    {kChat, R"("n":"2")", "n", "n must be an integer from 1 to 128, but is \"2\""},
    {kText, R"("best_of":2)", "best_of",
     "best_of is 2 and n is 1: choosing the best of several answers is not supported by this server"},
    {kText, R"("n":3,"best_of":2)", "best_of", "best_of is 2 and n is 3"},
    {kText, R"("best_of":0)", "best_of", "best_of must be an integer from 1 to 128, but is 0"},
    {kText, R"({"prompt":["a","b","c","d","e","f","g","h","i"],"n":128})", "prompt",
     "9 prompts times n = 128 is more than the 1024 answers"});

BAD_REQUESTS(S2Temperature,
             {kText, R"("temperature":-1)", "temperature",
              "temperature must be a number from 0 to 2, but is -1"},
             {kText, R"("temperature":2.1)", "temperature",
              "temperature must be a number from 0 to 2, but is 2.1"},
             {kText, R"("temperature":"hot")", "temperature",
              "temperature must be a number from 0 to 2, but is \"hot\""},
             {kText, R"("temperature":1e999)", "temperature", "temperature must be a number from 0 to 2"},
             {kText, R"("top_p":0)", "top_p", "top_p must be a number above 0 to 1, but is 0"},
             {kText, R"("top_p":-1)", "top_p", "top_p must be a number above 0 to 1, but is -1"},
             {kText, R"("top_p":1.1)", "top_p", "top_p must be a number above 0 to 1, but is 1.1"},
             {kText, R"("top_k":-2)", "top_k", "top_k must be an integer from -1 to 2147483647, but is -2"},
             {kText, R"("top_k":1.5)", "top_k", "top_k must be an integer from -1 to 2147483647, but is 1.5"},
             {kText, R"("min_p":-0.1)", "min_p", "min_p must be a number from 0 to 1, but is -0.1"},
             {kText, R"("min_p":1.5)", "min_p", "min_p must be a number from 0 to 1, but is 1.5"},
             {kText, R"("typical_p":0)", "typical_p", "typical_p must be a number above 0 to 1, but is 0"});

BAD_REQUESTS(S3Length,
             {kText, R"("max_tokens":0)", "max_tokens",
              "max_tokens must be an integer from 1 to 2147483647, but is 0"},
             {kText, R"("max_tokens":-1)", "max_tokens",
              "max_tokens must be an integer from 1 to 2147483647, but is -1"},
             {kText, R"("max_tokens":2147483648)", "max_tokens", "max_tokens must be an integer from 1"},
             {kText, R"("max_tokens":true)", "max_tokens", "max_tokens must be an integer from 1"},
             {kText, R"("max_tokens":"five")", "max_tokens", "max_tokens must be an integer from 1"},
             {kText, R"("max_tokens":1000)", "prompt",
              "This model's maximum context length is 1000 tokens. However, you requested 1002 tokens (2 in "
              "the prompt"},
             {kChat, R"("max_tokens":0)", "max_tokens", "max_tokens must be an integer from 1"},
             {kChat, R"("max_completion_tokens":-1)", "max_completion_tokens",
              "max_completion_tokens must be an integer from 1 to 2147483647, but is -1"},
             {kChat, R"("max_tokens":3,"max_completion_tokens":0)", "max_completion_tokens",
              "max_completion_tokens must be an integer from 1"},
             {kChat, R"("max_tokens":1000)", "messages",
              "This model's maximum context length is 1000 tokens."},
             {kText, R"("min_tokens":-1)", "min_tokens",
              "min_tokens must be an integer from 0 to 2147483647, but is -1"},
             {kText, R"("min_tokens":9,"max_tokens":8)", "min_tokens",
              "min_tokens is 9, but max_tokens is 8; it must not be more"},
             {kText, R"("min_tokens":1,"max_tokens":0,"echo":true)", "min_tokens",
              "min_tokens is 1, but max_tokens is 0; it must not be more"},
             {kChat, R"("min_tokens":999)", "min_tokens",
              "min_tokens is 999, but the prompt leaves room for 998 tokens"});

BAD_REQUESTS(
    S4Logprobs,
    {kText, R"("logprobs":-1)", "logprobs", "logprobs must be an integer from 0 to 20, but is -1"},
    {kText, R"("logprobs":21)", "logprobs", "logprobs must be an integer from 0 to 20, but is 21"},
    {kText, R"("logprobs":true)", "logprobs", "logprobs must be an integer from 0 to 20, but is true"},
    {kText, R"("prompt_logprobs":-1)", "prompt_logprobs",
     "prompt_logprobs must be an integer from 0 to 20, but is -1"},
    {kText, R"("prompt_logprobs":1,"stream":true)", "prompt_logprobs",
     "prompt_logprobs is allowed only without \"stream\": true"},
    {kText, R"("echo":true,"max_tokens":0,"logprobs":21)", "logprobs", "logprobs must be an integer"},
    {kChat, R"("logprobs":3)", "logprobs", "logprobs must be true or false, but is 3"},
    {kChat, R"("logprobs":true,"top_logprobs":21)", "top_logprobs",
     "top_logprobs must be an integer from 0 to 20, but is 21"},
    {kChat, R"("top_logprobs":3)", "top_logprobs", "top_logprobs is allowed only with \"logprobs\": true"});

BAD_REQUESTS(S5LogitBias,
             {kText, R"("logit_bias":{"-1":1})", "logit_bias",
              "logit_bias holds the key \"-1\", but keys are token ids from 0 to 255"},
             {kText, R"("logit_bias":{"256":1})", "logit_bias",
              "logit_bias holds the key \"256\", but keys are token ids from 0 to 255"},
             {kText, R"("logit_bias":{"abc":1})", "logit_bias", "logit_bias holds the key \"abc\", but keys"},
             {kText, R"("logit_bias":{"5 ":1})", "logit_bias", "logit_bias holds the key \"5 \", but keys"},
             {kText, R"("logit_bias":{"99999999999999999999":1})", "logit_bias", "logit_bias holds the key"},
             {kText, R"("logit_bias":{"5":1e9})", "logit_bias",
              "logit_bias of token 5 must be a number from -100 to 100, but is 1e+09"},
             {kText, R"("logit_bias":{"5":-101})", "logit_bias",
              "logit_bias of token 5 must be a number from -100"},
             {kText, R"("logit_bias":{"5":"x"})", "logit_bias", "logit_bias of token 5 must be a number"},
             {kText, R"("logit_bias":[5])", "logit_bias",
              "logit_bias must be an object from token ids to numbers, but is an array of 1"},
             {kText, R"("allowed_token_ids":[])", "allowed_token_ids",
              "allowed_token_ids is empty: no token could be drawn; leave it out"},
             {kText, R"("allowed_token_ids":[256])", "allowed_token_ids",
              "allowed_token_ids must hold token ids (integers from 0 to 255), but item 0 is 256"},
             {kText, R"("allowed_token_ids":5)", "allowed_token_ids", "allowed_token_ids must be an array"},
             {kText, R"("allowed_token_ids":[)" + Repeated("5", 300) + "]", "allowed_token_ids",
              "allowed_token_ids must be an array of at most 256 token ids, but is an array of 300"},
             {kText, R"("bad_words":"x")", "bad_words",
              "bad_words must be an array of strings, but is \"x\""},
             {kText, R"("bad_words":[""])", "bad_words", "bad_words holds an empty string; leave it out"},
             {kText, R"("bad_words":[7])", "bad_words", "bad_words must hold strings, but one item is 7"},
             {kText, R"("bad_words":[)" + Repeated("\"a\"", 129) + "]", "bad_words",
              "bad_words has 129 strings; at most 128 are allowed"},
             {kText, R"("bad_words":[")" + std::string(2000, 'x') + "\"]", "bad_words",
              "bad_words are 2000 tokens; at most 1024 are allowed"});

BAD_REQUESTS(S6Stop, {kText, R"("stop":"")", "stop", "stop holds an empty string; leave it out"},
             {kText, R"("stop":[1])", "stop", "stop must hold strings, but one item is 1"},
             {kText, R"("stop":{})", "stop",
              "stop must be a string or an array of strings, but is an object"},
             {kText, R"("stop":[)" + Repeated("\"a\"", 17) + "]", "stop",
              "stop has 17 strings; at most 16 are allowed"},
             {kText, R"("stop":[)" + Repeated("\"a\"", 1000) + "]", "stop",
              "stop has 1000 strings; at most 16 are allowed"},
             {kText, R"("stop":")" + std::string(1 << 20, 'x') + "\"", "stop",
              "stop holds a string of 1048576 bytes; at most 4096 are allowed"},
             {kText, R"("include_stop_str_in_output":"yes")", "include_stop_str_in_output",
              "include_stop_str_in_output must be true or false, but is \"yes\""});

BAD_REQUESTS(S7StopTokenIds,
             {kText, R"("stop_token_ids":[-5])", "stop_token_ids",
              "stop_token_ids must hold token ids (integers from 0 to 255), but item 0 is -5"},
             {kText, R"("stop_token_ids":[1,256])", "stop_token_ids",
              "stop_token_ids must hold token ids (integers from 0 to 255), but item 1 is 256"},
             {kText, R"("stop_token_ids":["a"])", "stop_token_ids", "stop_token_ids must hold token ids"},
             {kText, R"("stop_token_ids":7)", "stop_token_ids",
              "stop_token_ids must be an array of at most 256 token ids, but is 7"},
             {kText, R"("stop_token_ids":[)" + Repeated("1", 257) + "]", "stop_token_ids",
              "stop_token_ids must be an array of at most 256 token ids, but is an array of 257"});

BAD_REQUESTS(
    S8Prompt, {kText, "{}", "prompt", "prompt is missing: a string or an array of token ids"},
    {kText, R"({"prompt":null})", "prompt", "prompt is missing"},
    {kText, R"({"prompt":7})", "prompt",
     "prompt must be a string, an array of token ids, or an array of those"},
    {kText, R"({"prompt":""})", "prompt", "prompt is empty: it must have at least one token"},
    {kText, R"({"prompt":[]})", "prompt", "prompt is empty: give at least one token or string"},
    {kText, R"({"prompt":[[]]})", "prompt", "prompt is empty: it must have at least one token"},
    {kText, R"({"prompt":[""]})", "prompt", "prompt is empty: it must have at least one token"},
    {kText, R"({"prompt":[-1]})", "prompt",
     "prompt must hold token ids (integers from 0 to 255), but item 0 is -1"},
    {kText, R"({"prompt":[999999]})", "prompt", "prompt must hold token ids (integers from 0 to 255)"},
    {kText, R"({"prompt":[1,"a"]})", "prompt", "prompt must hold token ids"},
    {kText, R"({"prompt":[1,4294967296]})", "prompt", "prompt must hold token ids"},
    {kText, R"({"prompt":["a",[1.5]]})", "prompt", "prompt must hold token ids"},
    {kText, R"({"prompt":["a",{}]})", "prompt",
     "item 1 of prompt is an object; it must be a string or an array of token ids"},
    {kText, R"({"prompt":[)" + Repeated("\"a\"", 4096) + "]}", "prompt",
     "prompt holds 4096 prompts; at most 1024 are allowed"},
    {kText, R"({"prompt":")" + std::string(2000, 'a') + "\"}", "prompt",
     "This model's maximum context length is 1000 tokens. However, you requested 2016 tokens (2000 in the "
     "prompt, 16 in the completion). Please reduce the length of the prompt or the completion."},
    {kText, R"("truncate_prompt_tokens":-2)", "truncate_prompt_tokens",
     "truncate_prompt_tokens must be an integer from -1"},
    {kText, R"("truncate_prompt_tokens":0)", "truncate_prompt_tokens",
     "truncate_prompt_tokens is 0, which leaves no prompt"},
    {kText, R"("truncation_side":"top")", "truncation_side",
     "truncation_side must be \"left\" or \"right\", but is \"top\""},
    {kText, R"("add_special_tokens":1)", "add_special_tokens", "add_special_tokens must be true or false"});

BAD_REQUESTS(S9Seed, {kText, R"("seed":1.5)", "seed", "seed must be an integer from -9223372036854775808"},
             {kText, R"("seed":18446744073709551615)", "seed", "seed must be an integer"},
             {kText, R"("seed":"7")", "seed", "seed must be an integer"});

BAD_REQUESTS(
    S10Messages, {kChat, "{}", "messages", "messages is missing"},
    {kChat, Messages("null"), "messages", "messages is missing"},
    {kChat, Messages("[]"), "messages",
     "messages must be an array of 1 to 4096 messages, but is an array of 0"},
    {kChat, Messages("\"hi\""), "messages", "messages must be an array of 1 to 4096 messages, but is \"hi\""},
    {kChat, Messages(R"(["a"])"), "messages", "messages[0] must be an object with role and content"},
    {kChat, Messages(R"([{"content":"a"}])"), "messages",
     "messages[0].role must be a string such as \"user\""},
    {kChat, Messages(R"([{"role":7,"content":"a"}])"), "messages", "messages[0].role must be a string"},
    {kChat, Messages(R"([{"role":"","content":"a"}])"), "messages", "messages[0].role must be a string"},
    {kChat, Messages(R"([{"role":"user"}])"), "messages",
     "messages[0].content is missing: a string or text parts"},
    {kChat, Messages(R"([{"role":"user","content":null}])"), "messages", "messages[0].content is missing"},
    {kChat, Messages(R"([{"role":"user","content":5}])"), "messages",
     "messages[0].content must be a string or an array of text parts, but is 5"},
    {kChat, Messages(R"([{"role":"user","content":[]}])"), "messages",
     "messages[0].content must be a string or an array of text parts"},
    {kChat, Messages(R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])"),
     "messages", "messages[0].content holds a part of type \"image_url\"; only"},
    {kChat, Messages(R"([{"role":"user","content":[{"type":"input_audio"}]}])"), "messages",
     "messages[0].content holds a part of type \"input_audio\"; only"},
    {kChat, Messages(R"([{"role":"user","content":["a"]}])"), "messages",
     "messages[0].content holds a part of type (missing); only"},
    {kChat, Messages(R"([{"role":"user","content":[{"type":"text","text":7}]}])"), "messages",
     "messages[0].content holds a part of type \"text\"; only"},
    {kChat, Messages(R"([{"role":"assistant","content":"a","function_call":{"name":"f"}}])"), "messages",
     "messages[0].function_call is not supported by this server; leave it out"},
    {kChat, Messages(R"([{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}])"), "messages",
     "messages[0].tool_calls must be an array of objects with function.name and function.arguments"},
    {kChat, Messages(R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{"}}]}])"),
     "messages", "messages[0].tool_calls must be an array"},
    {kChat, Messages("[" + Repeated(R"({"role":"user","content":"a"})", 4097) + "]"), "messages",
     "messages must be an array of 1 to 4096 messages, but is an array of 4097"},
    {kChat, R"("continue_final_message":true,"add_generation_prompt":true)", "continue_final_message",
     "continue_final_message and add_generation_prompt are both true"},
    {kChat, R"("chat_template":"{{")", "messages", "chat template, line 1: it does not end"},
    {kChat, R"("chat_template":"{{ bomb }}")", "messages", "the template passed its budget"},
    {kTokenize, R"({"messages":[{"role":"user","content":"a"}],"chat_template":"{{ bomb }}"})", "messages",
     "the template passed its budget"},
    {kChat, R"("chat_template":7)", "chat_template", "chat_template must be a string, but is 7"},
    {kChat, R"("chat_template_kwargs":[])", "chat_template_kwargs",
     "chat_template_kwargs must be an object, but is an array of 0"},
    {kChat, R"("chat_template_kwargs":{"tokenize":true})", "chat_template_kwargs",
     "chat_template_kwargs must not hold tokenize: it is a field of the request"},
    {kChat, R"("chat_template_kwargs":{"messages":[]})", "chat_template_kwargs",
     "chat_template_kwargs must not hold messages"},
    {kChat, R"("documents":["a"])", "documents",
     "documents must be an array of objects, but is an array of 1"},
    {kChat, R"("reasoning_effort":3)", "reasoning_effort", "reasoning_effort must be a string, but is 3"});

BAD_REQUESTS(S11Model,
             {kText, R"("model":"gpt-4")", "model",
              "The model `gpt-4` does not exist; this server has `scripted`.", 404},
             {kChat, R"("model":"")" + std::string() + R"(,"model":"x")", "model",
              "The model `x` does not exist", 404},
             {kText, R"("model":5)", "model", "model must be a string, but is 5"},
             {kText, R"("model":")" + std::string(1 << 20, 'm') + "\"", "model",
              "model is 1048576 bytes long; at most 4096 are allowed"},
             {kTokenize, R"("model":"other")", "model", "The model `other` does not exist", 404});

BAD_REQUESTS(S12Stream,
             {kText, R"("stream":"yes")", "stream", "stream must be true or false, but is \"yes\""},
             {kText, R"("stream_options":{})", "stream_options",
              "stream_options is allowed only with \"stream\": true"},
             {kText, R"("stream":true,"stream_options":[])", "stream_options",
              "stream_options must be an object, but is an array of 0"},
             {kText, R"("stream":true,"stream_options":{"include_usage":1})", "stream_options.include_usage",
              "include_usage must be true or false, but is 1"},
             {kText, R"("stream":true,"stream_options":{"continuous_usage_stats":1})",
              "stream_options.continuous_usage_stats", "continuous_usage_stats must be true or false"},
             {kText, R"("stream_interval":0)", "stream_interval",
              "stream_interval must be an integer from 1"});

BAD_REQUESTS(
    S13Others, {kText, R"("user":7)", "user", "user must be a string, but is 7"},
    {kText, R"("priority":1)", "priority",
     "priority is 1: requests are served in the order of their arrival; only 0 is supported"},
    {kText, R"("priority":"high")", "priority", "priority must be an integer"},
    {kText, R"("request_id":"a\nb")", "request_id", "request_id must be of visible ASCII characters"},
    {kText, R"("request_id":")" + std::string(300, 'i') + "\"", "request_id",
     "request_id is 300 bytes long; at most 256 are allowed"},
    {kText, R"("cache_salt":")" + std::string(2000, 's') + "\"", "cache_salt",
     "cache_salt is 2000 bytes long; at most 1024 are allowed"},
    {kText, R"("echo":1)", "echo", "echo must be true or false, but is 1"},
    {kText, R"("ignore_eos":1)", "ignore_eos", "ignore_eos must be true or false, but is 1"},
    {kText, R"("skip_special_tokens":0)", "skip_special_tokens", "skip_special_tokens must be true or false"},
    {kText, R"("return_token_ids":"x")", "return_token_ids", "return_token_ids must be true or false"});

BAD_REQUESTS(S14Penalties,
             {kText, R"("presence_penalty":3)", "presence_penalty",
              "presence_penalty must be a number from -2 to 2, but is 3"},
             {kText, R"("presence_penalty":-3)", "presence_penalty",
              "presence_penalty must be a number from -2 to 2"},
             {kText, R"("frequency_penalty":2.5)", "frequency_penalty",
              "frequency_penalty must be a number from -2 to 2, but is 2.5"},
             {kText, R"("frequency_penalty":-3)", "frequency_penalty",
              "frequency_penalty must be a number from -2 to 2"},
             {kText, R"("repetition_penalty":0)", "repetition_penalty",
              "repetition_penalty must be a number above 0 to 100, but is 0"},
             {kText, R"("repetition_penalty":-1)", "repetition_penalty",
              "repetition_penalty must be a number above 0"},
             {kText, R"("repetition_penalty":"x")", "repetition_penalty",
              "repetition_penalty must be a number above 0"});

BAD_REQUESTS(
    Unsupported,
    {kText, R"("suffix":"x")", "suffix",
     "suffix is not supported by this server (the value is \"x\"): text is not inserted before another; "
     "leave"},
    {kText, R"("prompt_embeds":"aGk=")", "prompt_embeds", "prompt_embeds is not supported by this server"},
    {kText, R"("use_beam_search":true)", "use_beam_search",
     "use_beam_search is not supported by this server"},
    {kText, R"("length_penalty":2)", "length_penalty", "length_penalty is not supported"},
    {kText, R"("logprob_token_ids":[1])", "logprob_token_ids", "logprob_token_ids is not supported"},
    {kText, R"("guided_regex":"a+")", "guided_regex", "guided_regex is not supported"},
    {kText, R"("structured_outputs":{"regex":"a"})", "structured_outputs",
     "structured_outputs is not supported"},
    {kText, R"("kv_transfer_params":{"a":1})", "kv_transfer_params", "kv_transfer_params is not supported"},
    {kText, R"("vllm_xargs":{"a":1})", "vllm_xargs", "vllm_xargs is not supported"},
    {kText, R"("repetition_detection":{"min_count":2})", "repetition_detection",
     "repetition_detection is not"},
    {kText, R"("thinking_token_budget":5)", "thinking_token_budget",
     "thinking_token_budget is not supported"},
    {kText, R"("spaces_between_special_tokens":false)", "spaces_between_special_tokens",
     "spaces_between_special_tokens is not supported"},
    {kChat, R"("response_format":{"type":"json_object"})", "response_format",
     "response_format is not supported by this server (the value is an object): answers are not constrained"},
    {kChat, R"("response_format":{"type":"json_schema","json_schema":{"name":"a"}})", "response_format",
     "response_format is not supported"},
    {kChat, R"("tools":[{"type":"function","function":{"name":"f"}}])", "tools",
     "tools are not called by this server; leave them out, or set tool_choice to \"none\""},
    {kChat, R"("tools":{})", "tools", "tools must be an array, but is an object"},
    {kChat, R"("tool_choice":"required")", "tool_choice",
     "tool_choice is \"required\": tools are not called"},
    {kChat, R"("tool_choice":{"type":"function"})", "tool_choice", "tool_choice is an object: tools are not"},
    {kChat, R"("functions":[{"name":"f"}])", "functions", "functions is not supported"},
    {kChat, R"("modalities":["text","audio"])", "modalities", "modalities is not supported"},
    {kChat, R"("audio":{"voice":"a"})", "audio", "audio is not supported"},
    {kChat, R"("include_reasoning":false)", "include_reasoning", "include_reasoning is not supported"});

BAD_REQUESTS(Text, {kTokenize, "{}", "prompt", "prompt is missing: a string, or messages"},
             {kTokenize, R"({"prompt":["a"]})", "prompt", "prompt must be a string, but is an array of 1"},
             {kTokenize, R"({"prompt":"a","messages":[{"role":"user","content":"a"}]})", "prompt",
              "prompt and messages are both given; leave one out"},
             {kTokenize, Messages("[]"), "messages", "messages must be an array of 1 to 4096 messages"},
             {kTokenize, R"({"prompt":"a","return_token_strs":1})", "return_token_strs",
              "return_token_strs must be true"},
             {kDetokenize, "{}", "tokens", "tokens is missing: an array of token ids"},
             {kDetokenize, R"({"tokens":"a"})", "tokens", "tokens must be an array"},
             {kDetokenize, R"({"tokens":[256]})", "tokens",
              "tokens must hold token ids (integers from 0 to 255), but item 0 is 256"},
             {kDetokenize, R"({"tokens":[1,-1]})", "tokens", "tokens must hold token ids"});

}  // namespace
}  // namespace vivace::server
