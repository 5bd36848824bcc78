// The server over real sockets with a scripted backend.
#include "server/http_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "server/scripted_backend.h"

namespace vivace::server {
namespace {

using std::chrono::milliseconds;

/// A blocking client; every read has a limit of five seconds.
class Client {
 public:
  explicit Client(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { Leave(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  void Leave() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  void Send(std::string_view bytes) { ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void Post(std::string_view path, const std::string& body) {
    Send("POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  void Get(std::string_view path) { Send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n"); }
  /// Everything up to and with `end`; what was read before a close or the time limit otherwise.
  std::string ReadUntil(std::string_view end) {
    while (received_.find(end) == std::string::npos) {
      std::array<char, 4096> buffer;
      const ssize_t bytes = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (bytes <= 0) return std::exchange(received_, "");
      received_.append(buffer.data(), static_cast<std::size_t>(bytes));
    }
    const std::size_t length = received_.find(end) + end.size();
    std::string out = received_.substr(0, length);
    received_.erase(0, length);
    return out;
  }
  /// Headers and body of a reply with a length.
  std::string ReadReply() {
    const std::string header = ReadUntil("\r\n\r\n");
    const std::size_t at = header.find("Content-Length: ");
    if (at == std::string::npos) return header;
    const std::size_t length = std::stoul(header.substr(at + 16));
    while (received_.size() < length) {
      std::array<char, 4096> buffer;
      const ssize_t bytes = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (bytes <= 0) break;
      received_.append(buffer.data(), static_cast<std::size_t>(bytes));
    }
    const std::string out = header + received_.substr(0, length);
    received_.erase(0, length);
    return out;
  }

 private:
  int socket_;
  bool connected_ = false;
  std::string received_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({}); }
  void TearDown() override { StopServer(); }

  void Start(ServerConfig config) {
    StopServer();
    config.port = 0;
    server_ = std::make_unique<HttpServer>(config);
    ASSERT_TRUE(server_->Listen().ok());
    port_ = server_->port();
    server_->SetBackend(backend_);
    ended_ = false;
    loop_ = std::thread([this] {
      server_->Run();
      ended_ = true;
    });
  }
  void StopServer() {
    if (!loop_.joinable()) return;
    server_->Stop();
    loop_.join();
    server_.reset();
  }
  template <class Condition>
  static bool Eventually(Condition condition, milliseconds limit = milliseconds(3000)) {
    const auto deadline = Clock::now() + limit;
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
  }

  ScriptedBackend backend_;
  std::unique_ptr<HttpServer> server_;
  std::thread loop_;
  std::atomic<bool> ended_ = false;
  int port_ = 0;
};

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

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

TEST(HttpServerLoading, ClientsAreToldThatTheModelLoads) {
  ServerConfig config;
  config.port = 0;
  HttpServer server(config);
  ASSERT_TRUE(server.Listen().ok());
  std::thread loop([&] { server.Run(); });
  Client client(server.port());
  client.Get("/health");
  EXPECT_TRUE(client.ReadReply().starts_with("HTTP/1.1 503 "));
  client.Post("/v1/completions", R"({"prompt":"a"})");
  EXPECT_TRUE(Has(client.ReadReply(), "the model is still loading"));
  server.Stop();
  loop.join();
}

}  // namespace
}  // namespace vivace::server
