// What answers carry beside their body, and what the log says of them: CORS, request ids, fingerprints, the
// access log, answers in the log, Unix sockets.
#include <sys/stat.h>
#include <sys/un.h>

#include "server/cors.h"
#include "server/server_fixture.h"

namespace vivace::server {
namespace {

class AnswerHeaders : public ServerFixture {
 protected:
  std::string Get(std::string_view path, const std::string& headers = "") {
    Client client(port_);
    client.Get(path, headers);
    return client.ReadReply();
  }
};

ServerConfig With(const CorsRules& rules) {
  ServerConfig config;
  config.service.cors = rules;
  return config;
}

TEST_F(AnswerHeaders, NoPageOfAnotherOriginIsLetInUnlessItIsNamed) {
  EXPECT_FALSE(Has(Get("/health", "Origin: https://a.example\r\n"), "Access-Control"));
  Start(With({.origins = {"https://a.example"}, .credentials = true}));
  const std::string reply = Get("/health", "Origin: https://a.example\r\n");
  EXPECT_TRUE(Has(reply, "Access-Control-Allow-Origin: https://a.example\r\n")) << reply;
  EXPECT_TRUE(Has(reply, "Access-Control-Allow-Credentials: true\r\n"));
  EXPECT_TRUE(Has(reply, "Vary: Origin\r\n"));
  EXPECT_FALSE(Has(Get("/health", "Origin: https://b.example\r\n"), "Access-Control"));
  EXPECT_FALSE(Has(Get("/health"), "Access-Control"));
  Start(With({.origins = {"*"}}));
  EXPECT_TRUE(Has(Get("/health", "Origin: https://b.example\r\n"), "Access-Control-Allow-Origin: *\r\n"));
  Client client(port_);
  client.Post("/v1/completions", R"({"prompt":"abc","max_tokens":2,"stream":true})", "Origin: https://b\r\n");
  EXPECT_TRUE(Has(client.ReadUntil("\r\n\r\n"), "Access-Control-Allow-Origin: *\r\n"));
}

TEST_F(AnswerHeaders, APreflightIsAnsweredByTheRules) {
  Start(With({.origins = {"https://a"}, .methods = {"POST"}, .headers = {"X-A"}}));
  const auto preflight = [&](const std::string& headers) {
    Client client(port_);
    client.Send("OPTIONS /v1/completions HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
    return client.ReadReply();
  };
  const std::string good = preflight(
      "Origin: https://a\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-a\r\n");
  EXPECT_TRUE(good.starts_with("HTTP/1.1 200 ")) << good;
  EXPECT_TRUE(Has(good, "Access-Control-Allow-Methods: POST\r\n"));
  EXPECT_TRUE(Has(good, "Access-Control-Allow-Origin: https://a\r\n"));
  const std::string bad = preflight(
      "Origin: https://b\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-a, "
      "x-b\r\n");
  EXPECT_TRUE(bad.starts_with("HTTP/1.1 400 ")) << bad;
  EXPECT_TRUE(bad.ends_with("Disallowed CORS origin, method, headers")) << bad;
  EXPECT_TRUE(preflight("Origin: https://a\r\n").starts_with("HTTP/1.1 405 "));
}

TEST_F(AnswerHeaders, AnswersCarryTheIdOfTheirRequestWhenAsked) {
  EXPECT_FALSE(Has(Get("/health", "X-Request-Id: abc\r\n"), "X-Request-Id"));
  ServerConfig config;
  config.service.request_id_headers = true;
  Start(config);
  EXPECT_TRUE(Has(Get("/health", "X-Request-Id: abc\r\n"), "X-Request-Id: abc\r\n"));
  const std::string first = Get("/health"), second = Get("/health");
  const auto id = [](const std::string& reply) { return reply.substr(reply.find("X-Request-Id: "), 40); };
  EXPECT_TRUE(Has(first, "X-Request-Id: "));
  EXPECT_NE(id(first), id(second));
}

TEST_F(AnswerHeaders, TheFingerprintStandsInEveryAnswer) {
  const auto body = [&] {
    Client client(port_);
    client.Post("/v1/completions", R"({"prompt":"abc","max_tokens":2})");
    return client.ReadReply();
  };
  EXPECT_FALSE(Has(body(), "system_fingerprint"));
  ServerConfig config;
  config.service.fingerprint_mode = FingerprintMode::kFull;
  Start(config);
  EXPECT_TRUE(Has(body(), R"("system_fingerprint":"vivace-)"));
  config.service.fingerprint_mode = FingerprintMode::kCustom;
  config.service.fingerprint_value = "mine";
  Start(config);
  EXPECT_TRUE(Has(body(), R"("system_fingerprint":"mine")"));
}

TEST_F(AnswerHeaders, TheLogNamesEachAnswerButThoseOfQuietPaths) {
  ServerConfig config;
  config.service.log = base::Log({base::LogLevel::kInfo, false});
  config.service.log_access = true;
  config.service.quiet_paths = {"/ping"};
  config.service.log_outputs = true;
  config.service.max_log_len = 3;
  ::testing::internal::CaptureStderr();
  Start(config);
  Get("/health");
  Get("/ping");
  Client client(port_);
  client.Post("/v1/completions", R"({"prompt":"abc","max_tokens":5})");
  client.ReadReply();
  client.Post("/v1/completions", R"({"prompt":"xyz","max_tokens":3,"stream":true})");
  client.ReadUntil("data: [DONE]");
  StopServer();
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(Has(log, " - \"GET /health HTTP/1.1\" 200 OK")) << log;
  EXPECT_TRUE(Has(log, "127.0.0.1:")) << log;
  EXPECT_FALSE(Has(log, "/ping")) << log;
  EXPECT_TRUE(Has(log, "output \"abc\", finish_reason length")) << log;
  EXPECT_FALSE(Has(log, "delta \"a")) << log;
  EXPECT_TRUE(Has(log, "delta \"x\"")) << log;
}

TEST_F(AnswerHeaders, AUnixSocketServesAsAPortDoesAndGoesWithTheServer) {
  StopServer();
  const std::string path = ::testing::TempDir() + "/vivace_test.sock";
  ServerConfig config;
  config.unix_socket = path;
  for (int round = 0; round < 2; ++round) {
    Start(config);
    EXPECT_EQ(port_, 0);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const std::string request = "GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    ::send(socket, request.data(), request.size(), 0);
    std::string reply(4096, '\0');
    reply.resize(
        static_cast<std::size_t>(std::max<ssize_t>(0, ::recv(socket, reply.data(), reply.size(), 0))));
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK")) << reply;
    ::close(socket);
  }
  StopServer();
  struct stat found {};
  EXPECT_NE(::lstat(path.c_str(), &found), 0);
  config.unix_socket = std::string(200, 'x');
  HttpServer too_long(config);
  EXPECT_TRUE(Has(too_long.Listen().message(), "--uds is '")) << too_long.Listen().message();
}

}  // namespace
}  // namespace vivace::server
