// What one client can take from the others: connections, places, memory, time.
#include <sys/socket.h>

#include "server/server_fixture.h"

namespace vivace::server {
namespace {

using HttpLimitsTest = ServerFixture;

std::string Ask(const std::string& prompt) {
  return R"({"prompt":")" + prompt + R"(","max_tokens":2})";
}

TEST_F(HttpLimitsTest, ConnectionsBeyondTheirNumberHearWhyAndOthersGoOn) {
  ServerConfig all, each;
  all.max_connections = 1;
  each.max_connections_per_client = 1;
  for (const ServerConfig& config : {all, each}) {
    Start(config);
    auto guest = std::make_unique<Client>(port_);
    guest->Get("/health");
    EXPECT_TRUE(guest->ReadReply().starts_with("HTTP/1.1 200 "));
    Client refused(port_);
    const std::string reply = refused.ReadReply();
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 503 ")) << reply;
    EXPECT_TRUE(Has(reply, "Retry-After: ")) << reply;
    EXPECT_TRUE(Has(reply, "no room for another connection")) << reply;
    EXPECT_EQ(refused.ReadSome(1), 0u);  // and it is closed
    guest->Get("/health");
    EXPECT_TRUE(guest->ReadReply().starts_with("HTTP/1.1 200 "));
    guest.reset();
    EXPECT_TRUE(Eventually([&] {
      Client next(port_);
      next.Get("/health");
      return next.ReadReply().starts_with("HTTP/1.1 200 ");
    }));
  }
}

TEST_F(HttpLimitsTest, AFullServerRefusesBeforeItParses) {
  ServerConfig config;
  config.service.max_sequences_in_flight = 1;
  Start(config);
  Client busy(port_), late(port_);
  busy.Post("/v1/completions", Ask("endless"));
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 1; }));
  for (const char* path : {"/v1/completions", "/tokenize"}) {
    late.Post(path, "{ this is no JSON");
    const std::string reply = late.ReadReply();
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 429 ")) << reply;
    EXPECT_TRUE(Has(reply, "Retry-After: ")) << reply;
  }
}

TEST_F(HttpLimitsTest, APlaceIsTakenUntilTheWorkForItIsDone) {
  ServerConfig config;
  config.service.max_sequences_in_flight = 1;
  Start(config);
  for (const char* path : {"/v1/completions", "/tokenize"}) {
    Client hasty(port_);
    const int before = backend_.at_gate();
    hasty.Post(path, Ask("gated"));
    ASSERT_TRUE(Eventually([&] { return backend_.at_gate() > before; }));
    hasty.Leave();
    std::this_thread::sleep_for(milliseconds(20));
    Client next(port_);
    if (before == 0) {  // the gate is still closed
      next.Post(path, Ask("a"));
      EXPECT_TRUE(next.ReadReply().starts_with("HTTP/1.1 429 "));
      backend_.OpenGate();
    }
    EXPECT_TRUE(Eventually([&] {
      next.Post(path, Ask("a"));
      return next.ReadReply().starts_with("HTTP/1.1 200 ");
    }));
  }
}

TEST_F(HttpLimitsTest, LongBodiesAreParsedAwayFromTheEventLoop) {
  Client gated(port_), longer(port_), wrong(port_), leaving(port_), health(port_);
  gated.Post("/v1/completions", Ask("gated"));
  ASSERT_TRUE(Eventually([&] { return backend_.at_gate() == 1; }));
  const std::string spaces(100'000, ' ');
  longer.Post("/v1/completions", spaces + Ask("abc"));
  wrong.Post("/v1/completions", spaces + R"({"prompt":"a","n":0})");
  leaving.Post("/v1/completions", spaces + Ask("endless"));
  health.Get("/load");
  EXPECT_TRUE(Eventually([&] {
    health.Get("/load");
    return Has(health.ReadReply(), R"("server_load":4)");
  }));
  leaving.Leave();
  health.Get("/health");
  EXPECT_TRUE(Has(health.ReadReply(), " 200 "));
  backend_.OpenGate();
  EXPECT_TRUE(Has(longer.ReadReply(), R"("text":"ab")"));
  EXPECT_TRUE(Has(wrong.ReadReply(), R"("param":"n")"));
  EXPECT_TRUE(Has(gated.ReadReply(), R"("text":"ga")"));
  EXPECT_TRUE(Eventually([&] {
    health.Get("/load");
    return Has(health.ReadReply(), R"("server_load":0)") && backend_.running() == 0;
  }));
}

TEST_F(HttpLimitsTest, AllClientsTogetherHoldNoMoreThanTheirBytes) {
  ServerConfig config;
  config.request_bytes_in_all = 200'000;
  Start(config);
  const std::string head =
      "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
      "190000\r\n\r\n";
  const std::string half(120'000, ' ');
  auto first = std::make_unique<Client>(port_);
  first->Send(head + half);
  std::this_thread::sleep_for(milliseconds(100));
  Client second(port_);
  second.Send(head + half);
  const std::string reply = second.ReadReply();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 429 ")) << reply;
  EXPECT_TRUE(Has(reply, "of at most 200000")) << reply;
  // The first one goes on, and what it held is free when it is answered.
  const std::string ask = Ask("abc");
  first->Send(std::string(70'000 - ask.size(), ' ') + ask);
  EXPECT_TRUE(Has(first->ReadReply(), R"("text":"ab")"));
  Client third(port_);
  third.Send(head + half + std::string(70'000 - ask.size(), ' ') + ask);
  EXPECT_TRUE(Has(third.ReadReply(), R"("text":"ab")"));
}

class SlowReader : public Client {
 public:
  using Client::Client;
  /// Until the answer begins; takes nothing of it.
  void WaitForFirst() const {
    char first = 0;
    EXPECT_EQ(::recv(socket(), &first, 1, MSG_PEEK), 1);
  }
  /// Bytes of an answer of some megabytes, taken so many at a time with pauses, until the server closes or
  /// the last one came.
  std::size_t Take(std::size_t at_a_time, milliseconds pause, std::size_t whole) {
    std::size_t sum = 0;
    while (sum < whole) {
      std::this_thread::sleep_for(pause);
      const std::size_t bytes = ReadSome(at_a_time);
      if (bytes == 0) break;
      sum += bytes;
    }
    return sum;
  }
};

TEST_F(HttpLimitsTest, AClientIsLeftThatTakesNothingAndNotOneThatIsSlow) {
  ServerConfig config;
  config.connection.write_timeout = milliseconds(300);
  Start(config);
  // More than the buffers of the two sockets hold.
  const std::string body = R"({"prompt":")" + std::string(4 << 20, 'z') + "\"}";
  constexpr std::size_t kWhole = (4 << 20) * 4;  // "122,"
  SlowReader slow(port_), gone(port_);
  slow.Post("/tokenize", body);
  EXPECT_GE(slow.Take(1 << 20, milliseconds(20), kWhole), kWhole);
  gone.Post("/tokenize", body);
  gone.WaitForFirst();
  std::this_thread::sleep_for(milliseconds(1000));
  EXPECT_LT(gone.Take(1 << 20, milliseconds(0), kWhole), kWhole);
}

TEST_F(HttpLimitsTest, AClientThatSentMoreThanIsReadIsSeenToLeave) {
  Client client(port_);
  client.Post("/v1/completions", Ask("endless"));
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 1; }));
  client.Send(std::string(100'000, 'x'));
  std::this_thread::sleep_for(milliseconds(50));
  client.Leave();
  EXPECT_TRUE(Eventually([&] { return backend_.running() == 0; }));
}

TEST_F(HttpLimitsTest, AClientThatEndsItsSideCountsAsOneThatLeaves) {
  Client client(port_);
  client.Post("/v1/completions", Ask("endless"));
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 1; }));
  ::shutdown(client.socket(), SHUT_WR);
  EXPECT_TRUE(Eventually([&] { return backend_.running() == 0; }));
}

}  // namespace
}  // namespace vivace::server
