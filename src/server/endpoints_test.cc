// What each endpoint answers and what each field and option of the server does, with a scripted backend.
#include <csignal>

#include "server/serve.h"
#include "server/server_fixture.h"

namespace vivace::server {
namespace {

using Endpoints = ServerFixture;

/// The reply to one POST on a new connection.
std::string Posted(int port, std::string_view path, const std::string& body,
                   const std::string& headers = "") {
  Client client(port);
  client.Post(path, body, headers);
  return client.ReadReply();
}

std::string Got(int port, std::string_view path, const std::string& headers = "") {
  Client client(port);
  client.Get(path, headers);
  return client.ReadReply();
}

std::string Streamed(int port, std::string_view path, const std::string& body) {
  Client client(port);
  client.Post(path, body);
  return client.ReadUntil("data: [DONE]\n\n");
}

int Count(const std::string& text, std::string_view part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

bool IsStatus(const std::string& reply, int status) {
  return reply.starts_with("HTTP/1.1 " + std::to_string(status) + " ");
}

std::string Chat(const std::string& fields) {
  return R"({"messages":[{"role":"user","content":"ab"}],"max_tokens":2)" + fields + "}";
}

TEST_F(Endpoints, TokenizeCountsATextOrAConversation) {
  EXPECT_TRUE(Has(Posted(port_, "/tokenize", R"({"prompt":"ab"})"),
                  R"({"count":2,"max_model_len":1000,"tokens":[97,98],"token_strs":null})"));
  EXPECT_TRUE(Has(Posted(port_, "/tokenize", "{\"prompt\":\"a\xC3\xA9\",\"return_token_strs\":true}"),
                  R"("tokens":[97,195,169],"token_strs":["a","bytes:\\xc3","bytes:\\xa9"]})"));
  EXPECT_TRUE(Has(Posted(port_, "/tokenize", R"({"messages":[{"role":"user","content":"hey"}],
      "add_generation_prompt":false,"tools":[{"type":"function"}]})"),
                  R"({"count":3,)"));
  EXPECT_TRUE(Has(Posted(port_, "/tokenize", R"({"prompt":""})"), R"({"count":0,)"));
}

TEST_F(Endpoints, DetokenizeGivesTheTextBack) {
  EXPECT_TRUE(Has(Posted(port_, "/detokenize", R"({"tokens":[104,105]})"), R"({"prompt":"hi"})"));
  EXPECT_TRUE(Has(Posted(port_, "/detokenize", R"({"tokens":[]})"), R"({"prompt":""})"));
  EXPECT_TRUE(IsStatus(Got(port_, "/detokenize"), 405));
}

TEST_F(Endpoints, SmallOnesAnswer) {
  EXPECT_TRUE(IsStatus(Got(port_, "/ping"), 200));
  EXPECT_TRUE(IsStatus(Posted(port_, "/ping", ""), 200));
  EXPECT_TRUE(Has(Got(port_, "/version"), R"({"version":")"));
  EXPECT_TRUE(Has(Got(port_, "/load"), R"({"server_load":0})"));
  Client busy(port_);
  busy.Post("/v1/completions", R"({"prompt":"endless"})");
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 1; }));
  EXPECT_TRUE(Has(Got(port_, "/load"), R"({"server_load":1})"));
}

TEST_F(Endpoints, EveryFieldOfTheSamplerReachesIt) {
  const std::string reply = Posted(port_, "/v1/completions", R"({"prompt":"ab","max_tokens":7,"min_tokens":3,
      "temperature":0.5,"top_p":0.9,"top_k":5,"min_p":0.1,"typical_p":0.8,"repetition_penalty":1.2,
      "presence_penalty":-1,"frequency_penalty":1.5,"logit_bias":{"7":-100,"8":2.5},"allowed_token_ids":[7,8],
      "bad_words":["xy"],"seed":-3,"stop":"END","stop_token_ids":[9],"include_stop_str_in_output":true,
      "ignore_eos":true,"skip_special_tokens":false,"logprobs":2,"prompt_logprobs":4})");
  ASSERT_TRUE(IsStatus(reply, 200)) << reply;
  const SamplingParams sampling = backend_.last_sampling();
  EXPECT_EQ(sampling.max_tokens, 7);
  EXPECT_EQ(sampling.min_tokens, 3);
  EXPECT_EQ(sampling.temperature, 0.5);
  EXPECT_EQ(sampling.top_p, 0.9);
  EXPECT_EQ(sampling.top_k, 5);
  EXPECT_EQ(sampling.min_p, 0.1);
  EXPECT_EQ(sampling.typical_p, 0.8);
  EXPECT_EQ(sampling.repetition_penalty, 1.2);
  EXPECT_EQ(sampling.presence_penalty, -1);
  EXPECT_EQ(sampling.frequency_penalty, 1.5);
  EXPECT_EQ(sampling.logit_bias, (std::vector<std::pair<std::int32_t, float>>{{7, -100}, {8, 2.5}}));
  EXPECT_EQ(sampling.allowed_token_ids, (std::vector<std::int32_t>{7, 8}));
  EXPECT_EQ(sampling.bad_words, (std::vector<std::vector<std::int32_t>>{{'x', 'y'}}));
  EXPECT_EQ(sampling.seed, -3);
  EXPECT_EQ(sampling.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(sampling.stop_token_ids, std::vector<std::int32_t>{9});
  EXPECT_TRUE(sampling.include_stop_str_in_output);
  EXPECT_TRUE(sampling.ignore_eos);
  EXPECT_FALSE(sampling.skip_special_tokens);
  EXPECT_EQ(sampling.logprobs, 2);
  EXPECT_EQ(sampling.prompt_logprobs, 4);
}

TEST_F(Endpoints, AChatWithoutALimitMayFillTheContext) {
  Client client(port_);
  client.Post("/v1/chat/completions", R"({"messages":[{"role":"user","content":"endless"}]})");
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 1; }));
  EXPECT_EQ(backend_.last_sampling().max_tokens, 993);
}

TEST_F(Endpoints, TheModelsOwnDefaultsHoldWhereARequestSaysNothing) {
  SamplingParams defaults;
  defaults.temperature = 0.25;
  defaults.top_k = 7;
  defaults.max_tokens = 9;
  backend_.SetDefaults(defaults);
  Start({});
  const auto sampled = [&](std::string_view path, const std::string& body) {
    EXPECT_TRUE(IsStatus(Posted(port_, path, body), 200)) << body;
    return backend_.last_sampling();
  };
  const std::string hello = R"("messages":[{"role":"user","content":"hello"}])";
  EXPECT_EQ(sampled("/v1/chat/completions", "{" + hello + "}").max_tokens, 9);
  EXPECT_EQ(sampled("/v1/chat/completions", "{" + hello + R"(,"max_tokens":20})").max_tokens, 20);
  EXPECT_EQ(sampled("/v1/completions", R"({"prompt":"a"})").max_tokens, 9);
  EXPECT_EQ(sampled("/v1/completions", R"({"prompt":"a"})").temperature, 0.25);
  EXPECT_EQ(sampled("/v1/completions", R"({"prompt":"a","temperature":null,"top_k":0})").top_k, 0);
  // Near the end of the context the default gives way; what a request asks for does not.
  const std::string nearly = R"({"messages":[{"role":"user","content":")" + std::string(995, 'a') + "\"}]";
  EXPECT_EQ(sampled("/v1/chat/completions", nearly + "}").max_tokens, 5);
  EXPECT_TRUE(IsStatus(Posted(port_, "/v1/chat/completions", nearly + R"(,"max_tokens":9})"), 400));
}

TEST_F(Endpoints, ALongPromptIsCutWhereTheRequestSaysSo) {
  const auto text_of = [&](const std::string& fields) {
    return Posted(port_, "/v1/completions",
                  R"({"prompt":"abcdef","echo":true,"max_tokens":1,)" + fields + "}");
  };
  EXPECT_TRUE(Has(text_of(R"("truncate_prompt_tokens":2)"), R"("text":"efe")"));
  EXPECT_TRUE(Has(text_of(R"("truncate_prompt_tokens":2,"truncation_side":"right")"), R"("text":"aba")"));
  EXPECT_TRUE(Has(text_of(R"("truncate_prompt_tokens":6)"), R"("text":"abcdefa")"));
  const std::string fits =
      Posted(port_, "/v1/completions",
             R"({"prompt":")" + std::string(2000, 'a') + R"(","max_tokens":10,"truncate_prompt_tokens":-1})");
  EXPECT_TRUE(Has(fits, R"("prompt_tokens":990,"completion_tokens":10)")) << fits.substr(0, 400);
}

TEST_F(Endpoints, PromptLogprobsAreCutToWhatEachFieldAskedFor) {
  const std::string reply =
      Posted(port_, "/v1/completions",
             R"({"prompt":"abc","echo":true,"logprobs":1,"prompt_logprobs":0,"max_tokens":1})");
  EXPECT_TRUE(
      Has(reply, R"("prompt_logprobs":[null,{"98":{"logprob":-1.25,"rank":null,"decoded_token":"b"}},)"))
      << reply;
  EXPECT_TRUE(Has(reply, R"("token_logprobs":[null,-1.25,-1.25,-0.5])")) << reply;
  const std::string chat = Posted(port_, "/v1/chat/completions", Chat(R"(,"prompt_logprobs":0)"));
  EXPECT_TRUE(Has(chat, R"(],"prompt_logprobs":[null,{"98":)")) << chat;
}

TEST_F(Endpoints, AStreamComesInChunksOfTheIntervalsLength) {
  const std::string body =
      R"({"prompt":"abcdefg","max_tokens":7,"stream":true,"stream_interval":3,"logprobs":0})";
  const std::string stream = Streamed(port_, "/v1/completions", body);
  EXPECT_EQ(Count(stream, "data: {"), 3) << stream;  // a, bcd, efg
  EXPECT_TRUE(Has(stream, R"("text":"a")"));
  EXPECT_TRUE(Has(stream, R"("text":"bcd","logprobs":{"text_offset":[1,2,3])"));
  EXPECT_TRUE(Has(stream, R"("text":"efg")"));
}

TEST_F(Endpoints, ContinuousUsageIsInEveryChunk) {
  const std::string stream =
      Streamed(port_, "/v1/completions", R"({"prompt":"abc","max_tokens":2,"stream":true,
      "stream_options":{"include_usage":true,"continuous_usage_stats":true}})");
  EXPECT_EQ(Count(stream, R"("usage":{"prompt_tokens":3,)"), 3) << stream;
  EXPECT_TRUE(Has(stream, R"("completion_tokens":1,"total_tokens":4}})"));
  EXPECT_EQ(Count(stream, R"("usage":null)"), 0);
}

TEST_F(Endpoints, AnEchoOfAChatIsTheMessageThatIsContinued) {
  const std::string continued = Posted(port_, "/v1/chat/completions", R"({"messages":[
      {"role":"user","content":"q"},{"role":"assistant","content":"ab"}],"max_tokens":2,"echo":true,
      "continue_final_message":true})");
  EXPECT_TRUE(Has(continued, R"("message":{"role":"assistant","content":"abab","refusal":null})"))
      << continued;
  EXPECT_TRUE(Has(Posted(port_, "/v1/chat/completions", Chat(R"(,"echo":true)")), R"("content":"ab",)"));
  const std::string as_user =
      Posted(port_, "/v1/chat/completions", Chat(R"(,"echo":true,"add_generation_prompt":false)"));
  EXPECT_TRUE(Has(as_user, R"("message":{"role":"user","content":"abab")")) << as_user;
}

TEST_F(Endpoints, TokenIdsComeWithAChatToo) {
  const std::string whole = Posted(port_, "/v1/chat/completions", Chat(R"(,"return_token_ids":true)"));
  EXPECT_TRUE(Has(whole, R"("token_ids":[97,98]}],"prompt_token_ids":[97,98],)")) << whole;
  const std::string stream =
      Streamed(port_, "/v1/chat/completions", Chat(R"(,"return_token_ids":true,"stream":true)"));
  EXPECT_EQ(Count(stream, R"("prompt_token_ids":[97,98])"), 1) << stream;
  EXPECT_TRUE(Has(stream, R"("token_ids":[98])"));
}

TEST_F(Endpoints, HarmlessFormsOfWhatIsNotSupportedAreAccepted) {
  const std::string reply = Posted(port_, "/v1/chat/completions", Chat(R"(,"response_format":{"type":"text"},
      "tool_choice":"none","tools":[{"type":"function","function":{"name":"f"}}],"functions":[],"best_of":1,
      "modalities":["text"],"include_reasoning":true,"parallel_tool_calls":false,"use_beam_search":false,
      "length_penalty":1.0,"metadata":{"a":"b"},"service_tier":"auto","store":false,"user":"me",
      "reasoning_effort":"low","chat_template_kwargs":{"enable_thinking":false},"documents":[{"text":"d"}],
      "priority":0,"mm_payload":"tensors","never_heard_of":[{"x":1}])"));
  EXPECT_TRUE(IsStatus(reply, 200)) << reply;
}

TEST_F(Endpoints, ARequestsIdIsThatOfTheClient) {
  EXPECT_TRUE(
      Has(Posted(port_, "/v1/completions", R"({"prompt":"a","request_id":"mine"})"), R"("id":"cmpl-mine")"));
  EXPECT_TRUE(Has(Posted(port_, "/v1/chat/completions", Chat(""), "X-Request-Id: head\r\n"),
                  R"("id":"chatcmpl-head")"));
  const std::string odd = Posted(port_, "/v1/chat/completions", Chat(""), "X-Request-Id: two words\r\n");
  EXPECT_FALSE(Has(odd, "two words")) << odd;
}

TEST_F(Endpoints, AKeyGuardsTheApiAndNothingElse) {
  ServerConfig config;
  config.service.keys = {"one", "two"};
  Start(config);
  const std::string body = R"({"prompt":"a"})";
  const std::string refused = Posted(port_, "/v1/completions", body);
  EXPECT_TRUE(IsStatus(refused, 401)) << refused;
  EXPECT_TRUE(Has(refused, R"("type":"authentication_error","param":null,"code":"invalid_api_key")"));
  EXPECT_TRUE(IsStatus(Posted(port_, "/v1/completions", body, "Authorization: Bearer no\r\n"), 401));
  EXPECT_TRUE(IsStatus(Got(port_, "/v1/models?x=/health"), 401));
  EXPECT_TRUE(IsStatus(Got(port_, "//v1/models"), 404));
  EXPECT_TRUE(IsStatus(Posted(port_, "/v1/completions", body, "Authorization: Bearer two\r\n"), 200));
  EXPECT_TRUE(IsStatus(Got(port_, "/v1/models", "authorization: bearer one\r\n"), 200));
  EXPECT_TRUE(IsStatus(Got(port_, "/health"), 200));
}

TEST_F(Endpoints, AModelAnswersToEachOfItsNames) {
  ServerConfig config;
  config.service.names = {"big", "small"};
  config.service.root_path = "/api";
  Start(config);
  const std::string list = Got(port_, "/api/v1/models");
  EXPECT_TRUE(Has(list, R"({"id":"big","object":"model",)")) << list;
  EXPECT_TRUE(Has(list, R"({"id":"small","object":"model",)"));
  EXPECT_TRUE(Has(list, R"("parent":null,"max_model_len":1000,"permission":[{"id":"modelperm-big")"));
  EXPECT_TRUE(
      Has(Posted(port_, "/v1/completions", R"({"prompt":"a","model":"small"})"), R"("model":"small")"));
  EXPECT_TRUE(Has(Posted(port_, "/v1/completions", R"({"prompt":"a"})"), R"("model":"big")"));
  EXPECT_TRUE(Has(Got(port_, "/v1/models/scripted"), "this server has `big`, `small`."));
}

TEST_F(Endpoints, OptionsChangeWhatRequestsLeaveOpen) {
  ServerConfig config;
  config.service.response_role = "bot";
  config.service.prompt_tokens_details = true;
  config.service.rules.max_logprobs = 1;
  config.service.rules.tokens_as_ids = true;
  config.service.rules.include_usage = true;
  config.service.rules.stream_interval = 100;
  config.service.rules.templates_from_requests = false;
  Start(config);
  const std::string chat = Posted(port_, "/v1/chat/completions", Chat(R"(,"logprobs":true)"));
  EXPECT_TRUE(Has(chat, R"("message":{"role":"bot",)")) << chat;
  EXPECT_TRUE(Has(chat, R"("prompt_tokens_details":{"cached_tokens":0})"));
  EXPECT_TRUE(Has(chat, R"({"token":"token_id:97")"));
  EXPECT_TRUE(
      Has(Posted(port_, "/v1/completions", R"({"prompt":"a","logprobs":2})"), "from 0 to 1, but is 2"));
  EXPECT_TRUE(Has(Posted(port_, "/v1/chat/completions", Chat(R"(,"chat_template":"x")")),
                  "chat_template is refused: this server runs with --no-trust-request-chat-template"));
  const std::string stream =
      Streamed(port_, "/v1/completions", R"({"prompt":"abc","max_tokens":9,"stream":true})");
  EXPECT_EQ(Count(stream, "data: {"), 3) << stream;  // the first token, the rest, the usage
  EXPECT_TRUE(Has(stream, R"("choices":[],"usage":{)"));
}

TEST_F(Endpoints, MetricsHaveTheNamesOfVllm) {
  Posted(port_, "/v1/completions", R"({"prompt":"abc","max_tokens":4})");
  const std::string metrics = Got(port_, "/metrics");
  for (const char* name : {"vllm:num_requests_running",
                           "vllm:num_requests_waiting",
                           "vllm:kv_cache_usage_perc",
                           "vllm:prompt_tokens_total",
                           "vllm:generation_tokens_total",
                           "vllm:prefix_cache_queries_total",
                           "vllm:prefix_cache_hits_total",
                           "vllm:num_preemptions_total",
                           "vllm:prompt_tokens_cached_total",
                           "vllm:request_prompt_tokens_bucket",
                           "vllm:request_generation_tokens_bucket",
                           "vllm:request_max_num_generation_tokens_count",
                           "vllm:time_to_first_token_seconds_bucket",
                           "vllm:inter_token_latency_seconds_bucket",
                           "vllm:request_inference_time_seconds_bucket",
                           "vllm:e2e_request_latency_seconds_bucket",
                           "vllm:request_prefill_kv_computed_tokens_bucket",
                           "vllm:cache_config_info",
                           "vllm:corrupted_requests_total",
                           "vivace:compilations_total",
                           "vivace:compilations_after_ready_total",
                           "vivace:artifact_hits_total",
                           "vivace:artifact_misses_total",
                           "vivace:packed_weight_bytes",
                           "vivace:captured_plans",
                           "vivace:optimization_level",
                           "vivace:capture_sizes_info",
                           "vivace:start_seconds"}) {
    EXPECT_TRUE(Has(metrics, "\n" + std::string(name) + "{")) << name;
  }
  for (const char* name : {"process_resident_memory_bytes", "process_cpu_seconds_total"}) {
    const std::size_t at = metrics.find("\n" + std::string(name) + " ");
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GT(std::stod(metrics.substr(at + 2 + std::string_view(name).size())), 0) << name;
  }
  EXPECT_TRUE(Has(metrics, R"(vllm:inter_token_latency_seconds_count{engine="0",model_name="scripted"} 3)"))
      << metrics;
}

TEST(Loading, EveryEndpointSaysSoUntilTheModelIsThere) {
  ServerConfig config;
  config.port = 0;
  HttpServer server(config);
  ASSERT_TRUE(server.Listen().ok());
  std::thread loop([&] { server.Run(); });
  for (const RouteRow& row : RouteTable()) {
    Client client(server.port());
    client.Send(std::string(row.method) + " " + std::string(row.path) + (row.path.ends_with('/') ? "x" : "") +
                " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    const std::string reply = client.ReadReply();
    EXPECT_TRUE(IsStatus(reply, 503)) << row.path;
    EXPECT_TRUE(Has(reply, "Retry-After: 1")) << row.path;
    EXPECT_TRUE(Has(reply, "the model is still loading")) << row.path;
  }
  EXPECT_TRUE(IsStatus(Got(server.port(), "/nothing"), 404));
  server.Stop();
  loop.join();
}

TEST(Loading, ASignalEndsItAtOnce) {
  Options options;
  ASSERT_TRUE(options.Set("port", "0").ok());
  std::atomic<bool> leave = false;
  const auto start = Clock::now();
  const Status status = ServeWith(
      options,
      [&]() -> Result<std::unique_ptr<Backend>> {
        ::kill(::getpid(), SIGTERM);
        while (!leave) std::this_thread::sleep_for(milliseconds(1));
        return Unavailable("given up");
      },
      [&] { leave = true; });
  EXPECT_TRUE(leave);
  EXPECT_LT(Clock::now() - start, milliseconds(2000));
  EXPECT_EQ(status.message(), "given up");
}

TEST(Loading, AnErrorEndsTheServer) {
  Options options;
  ASSERT_TRUE(options.Set("port", "0").ok());
  const Status status = ServeWith(
      options, []() -> Result<std::unique_ptr<Backend>> { return DataLoss("the file is cut off"); },
      [] { FAIL() << "loading had ended"; });
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "the file is cut off");
}

}  // namespace
}  // namespace vivace::server
