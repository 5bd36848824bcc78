// A server over real sockets with a scripted backend, and a client of it; for tests.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "server/http_server.h"
#include "server/scripted_backend.h"

namespace vivace::server {

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
  int socket() const { return socket_; }
  /// At most so many bytes, as they come; 0 when the server has closed.
  std::size_t ReadSome(std::size_t most) {
    std::string buffer(most, '\0');
    const ssize_t bytes = ::recv(socket_, buffer.data(), buffer.size(), 0);
    return bytes < 0 ? 0 : static_cast<std::size_t>(bytes);
  }
  void Leave() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  void Send(std::string_view bytes) { ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  /// `headers` are whole lines.
  void Post(std::string_view path, const std::string& body, const std::string& headers = "") {
    Send("POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
         headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  void Get(std::string_view path, const std::string& headers = "") {
    Send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
  }
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

class ServerFixture : public ::testing::Test {
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

inline bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace vivace::server
