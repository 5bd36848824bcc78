// The server over real sockets with a scripted backend: connections, streams, deadlines, shutdown.
#include "server/server_fixture.h"

namespace vivace::server {
namespace {

using HttpServerTest = ServerFixture;

TEST_F(HttpServerTest, AnswersSeveralRequestsOnOneConnection) {
  Client client(port_);
  client.Get("/health");
  EXPECT_TRUE(client.ReadReply().starts_with("HTTP/1.1 200 OK\r\n"));
  client.Get("/v1/models");
  EXPECT_TRUE(Has(client.ReadReply(), R"("id":"scripted")"));
  client.Post("/v1/completions", R"({"prompt":"abc","max_tokens":5})");
  const std::string reply = client.ReadReply();
  EXPECT_TRUE(Has(reply, R"("text":"abcab")")) << reply;
  EXPECT_TRUE(Has(reply, R"("usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8)"));
  client.Get("/v1/models/other");
  EXPECT_TRUE(client.ReadReply().starts_with("HTTP/1.1 404 "));
  client.Get("/metrics");
  const std::string metrics = client.ReadReply();
  EXPECT_TRUE(Has(metrics, "vllm:request_success_total{"));
  EXPECT_TRUE(Has(metrics, R"(http_requests_total{handler="/v1/completions",method="POST",status="2xx"} 1)"))
      << metrics;
  EXPECT_TRUE(Has(metrics, R"(http_requests_total{handler="/v1/models/",method="GET",status="4xx"} 1)"));
}

TEST_F(HttpServerTest, AStreamEndsInDoneAndTheConnectionGoesOn) {
  Client client(port_);
  client.Post("/v1/chat/completions",
              R"({"messages":[{"role":"user","content":"ab"}],"max_tokens":3,"stream":true,
                 "stream_options":{"include_usage":true}})");
  const std::string header = client.ReadUntil("\r\n\r\n");
  EXPECT_TRUE(Has(header, "Transfer-Encoding: chunked")) << header;
  EXPECT_TRUE(Has(header, "text/event-stream"));
  const std::string stream = client.ReadUntil("\r\n0\r\n\r\n");
  EXPECT_TRUE(stream.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n")) << stream;
  EXPECT_TRUE(Has(stream, R"("delta":{"role":"assistant","content":""})")) << stream;
  EXPECT_TRUE(Has(stream, R"("delta":{"content":"b"})"));
  EXPECT_TRUE(Has(stream, R"("choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3)"));
  EXPECT_TRUE(Has(stream, "data: [DONE]\n\n"));
  const std::size_t finish = stream.find(R"("finish_reason":"length")");
  ASSERT_NE(finish, std::string::npos);
  EXPECT_EQ(stream.find(R"("finish_reason":"length")", finish + 1), std::string::npos);
  client.Get("/health");
  EXPECT_TRUE(client.ReadReply().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Client client(port_);
  client.Post("/v1/completions", R"({"prompt":"slow1","max_tokens":6})");
  client.Get("/version");
  EXPECT_TRUE(Has(client.ReadReply(), R"("text":"slow1s")"));
  EXPECT_TRUE(Has(client.ReadReply(), R"({"version":")"));
}

TEST_F(HttpServerTest, AStreamNeverSplitsACharacter) {
  Client client(port_);
  client.Post("/v1/completions", "{\"prompt\":\"\xF0\x9F\x98\x80\",\"max_tokens\":8,\"stream\":true}");
  const std::string stream = client.ReadUntil("[DONE]");
  EXPECT_FALSE(Has(stream, "\xEF\xBF\xBD")) << stream;
  EXPECT_TRUE(Has(stream, "\"text\":\"\xF0\x9F\x98\x80\""));
}

TEST_F(HttpServerTest, AClientThatLeavesEndsItsRequestsStreamedOrNot) {
  Client streaming(port_), waiting(port_);
  streaming.Post("/v1/completions", R"({"prompt":"endless","stream":true,"n":3})");
  waiting.Post("/v1/completions", R"({"prompt":"endless"})");
  EXPECT_TRUE(Has(streaming.ReadUntil("data: "), "200 OK"));
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 4; }));
  waiting.Leave();
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 3; }));
  streaming.Leave();
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 0; }));
  EXPECT_EQ(backend_.cancelled(), 4);
}

TEST_F(HttpServerTest, AnErrorInAStreamIsAnEventAndOtherwiseAStatus) {
  Client client(port_);
  client.Post("/v1/completions", R"({"prompt":"broken","stream":true})");
  const std::string stream = client.ReadUntil("\r\n0\r\n\r\n");
  EXPECT_TRUE(Has(stream, "event: error\ndata: {\"error\":{\"message\":\"numerical error")) << stream;
  EXPECT_FALSE(Has(stream, "[DONE]"));
  client.Post("/v1/completions", R"({"prompt":["broken","endless"]})");
  EXPECT_TRUE(client.ReadReply().starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(Eventually([&] { return backend_.running() == 0; }));  // the other prompt too
  client.Post("/v1/completions", R"({"prompt":["endless","refused"]})");
  const std::string refused = client.ReadReply();
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 429 ")) << refused;
  EXPECT_TRUE(Has(refused, "Retry-After: 1"));
  EXPECT_TRUE(Eventually([&] { return backend_.running() == 0; }));
}

TEST_F(HttpServerTest, MistakesHaveTheirStatusAndTheConnectionGoesOn) {
  Client client(port_);
  const auto status_of = [&](const std::string& body) {
    client.Post("/v1/completions", body);
    return client.ReadReply().substr(9, 3);
  };
  EXPECT_EQ(status_of("{"), "400");
  EXPECT_EQ(status_of(R"({"prompt":""})"), "400");
  EXPECT_EQ(status_of(R"({"prompt":[256]})"), "400");
  EXPECT_EQ(status_of(R"({"prompt":"a","model":"other"})"), "404");
  EXPECT_EQ(status_of(R"({"prompt":"a","max_tokens":1000})"), "400");
  client.Post("/v1/completions", R"({"prompt":")" + std::string(1000, 'a') + "\"}");
  EXPECT_TRUE(Has(client.ReadReply(),
                  "This model's maximum context length is 1000 tokens. However, you requested 1016 tokens "
                  "(1000 in the prompt, 16 in the completion)."));
  EXPECT_EQ(status_of(R"({"prompt":"a"})"), "200");
}

TEST_F(HttpServerTest, EchoAndLogprobsCoverThePrompt) {
  Client client(port_);
  client.Post("/v1/completions", R"({"prompt":"abc","echo":true,"max_tokens":0,"logprobs":1})");
  const std::string reply = client.ReadReply();
  EXPECT_TRUE(Has(reply, R"("text":"abc")")) << reply;
  EXPECT_TRUE(Has(reply, R"("token_logprobs":[null,-1.25,-1.25])")) << reply;
  EXPECT_TRUE(Has(reply, R"("completion_tokens":0)"));
}

TEST_F(HttpServerTest, SeveralPromptsAndChoicesAreNumbered) {
  Client client(port_);
  client.Post("/v1/completions",
              R"({"prompt":["ab","stopped"],"n":2,"max_tokens":6,"return_token_ids":true})");
  const std::string reply = client.ReadReply();
  EXPECT_TRUE(Has(reply, R"({"index":0,"text":"ababab")")) << reply;
  EXPECT_TRUE(
      Has(reply, R"({"index":3,"text":"stop","logprobs":null,"finish_reason":"stop","stop_reason":"END")"));
  EXPECT_TRUE(Has(reply, R"("prompt_token_ids":[97,98],"token_ids":[97,98,97,98,97,98])"));
  EXPECT_TRUE(Has(reply, R"("prompt_tokens":9)"));  // each prompt once
}

TEST_F(HttpServerTest, WhatIsNotHttpIsRefusedAndOthersGoOn) {
  Client odd(port_), other(port_);
  odd.Send("nonsense\r\n\r\n");
  EXPECT_TRUE(odd.ReadUntil("}}").starts_with("HTTP/1.1 400 "));
  other.Get("/health");
  EXPECT_TRUE(other.ReadReply().starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, TooManyAnswersUnderWayAreRefusedBeforeAnyWork) {
  ServerConfig config;
  config.service.max_sequences_in_flight = 2;
  Start(config);
  Client first(port_), second(port_);
  first.Post("/v1/completions", R"({"prompt":"endless","n":2})");
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 2; }));
  second.Post("/v1/completions", R"({"prompt":"a"})");
  EXPECT_TRUE(second.ReadReply().starts_with("HTTP/1.1 429 "));
  first.Leave();
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 0; }));
  second.Post("/v1/completions", R"({"prompt":"a"})");
  EXPECT_TRUE(second.ReadReply().starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, SlowHeadersEndInATimeout) {
  ServerConfig config;
  config.connection.header_timeout = milliseconds(50);
  Start(config);
  Client client(port_);
  client.Send("GET /health HT");
  EXPECT_TRUE(client.ReadUntil("}}").starts_with("HTTP/1.1 408 "));
}

TEST_F(HttpServerTest, DrainFinishesWhatRunsAndRefusesTheRest) {
  Client busy(port_), idle(port_);
  idle.Get("/health");
  idle.ReadReply();
  busy.Post("/v1/completions", R"({"prompt":"slow1","max_tokens":20,"stream":true})");
  busy.ReadUntil("data: ");
  server_->Drain();
  EXPECT_EQ(idle.ReadUntil("x"), "");  // closed at once
  EXPECT_FALSE(Client(port_).connected());
  EXPECT_TRUE(Has(busy.ReadUntil("[DONE]"), R"("finish_reason":"length")"));
  EXPECT_TRUE(Eventually([&] { return ended_.load(); }));
}

TEST_F(HttpServerTest, WhatDoesNotFinishInTheDrainTimeEndsInAnErrorEvent) {
  ServerConfig config;
  config.shutdown_timeout = milliseconds(50);
  Start(config);
  Client streaming(port_), waiting(port_);
  streaming.Post("/v1/completions", R"({"prompt":"endless","stream":true})");
  waiting.Post("/v1/completions", R"({"prompt":"endless"})");
  streaming.ReadUntil("data: ");
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 2; }));
  server_->Drain();
  EXPECT_TRUE(Has(streaming.ReadUntil("\r\n0\r\n\r\n"), "event: error\n"));
  EXPECT_TRUE(waiting.ReadReply().starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(Eventually([&] { return ended_.load(); }));
  EXPECT_EQ(backend_.running(), 0);
}

TEST_F(HttpServerTest, APortInUseNamesThePortAndTheRemedy) {
  ServerConfig config;
  config.port = port_;
  HttpServer second(config);
  const Status status = second.Listen();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_TRUE(Has(status.message(), "port " + std::to_string(port_) + " on 127.0.0.1 is in use"));
  EXPECT_TRUE(Has(status.message(), "--port"));
}

}  // namespace
}  // namespace vivace::server
