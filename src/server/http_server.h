// The event loop: listens, owns the connections, the service and the background thread, drains on a signal.
//
// Threads: Run() is the event loop; PostToLoop and PostToBackground may be called from any thread, everything
// else before Run or on the loop. Ownership: owns the service and the connections; the backend is the
// caller's and must outlive Run().
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "server/connection.h"
#include "server/service.h"
#include "server/tls.h"

namespace vivace::server {

struct ServerConfig {
  std::string host = "127.0.0.1";
  int port = 8000;               // 0: any free one
  std::string unix_socket = {};  // path of a Unix socket to listen on instead; empty: host and port
  std::chrono::milliseconds shutdown_timeout{30'000};
  std::size_t max_connections = 4096;
  std::size_t max_connections_per_client = 1024;    // of one address; 0: as many as there are
  std::size_t request_bytes_in_all = 256ull << 20;  // of all clients; see BodyBudget
  TlsFiles tls = {};
  ServiceConfig service;
  ConnectionLimits connection;
};

class HttpServer : public Executor {
 public:
  explicit HttpServer(const ServerConfig& config);
  ~HttpServer() override;

  /// Reads the TLS files, binds and listens; clients may connect from now on. kUnavailable names the port and
  /// the remedy, kInvalidArgument the option.
  Status Listen();
  int port() const;  // 0 for a Unix socket
  /// Whether it listens on all interfaces.
  bool everywhere() const;
  /// The backend answers from now on; until then clients are told that the model loads. Any thread.
  void SetBackend(Backend& backend);
  /// SIGTERM and SIGINT drain; a second one ends within a second.
  void HandleSignals();
  /// Whether the backend answers; after Run, or on the loop.
  bool ready() const;
  /// Serves until drained or stopped; signals then have their usual effect again.
  void Run();
  /// After Run: abandons what is left, so that the backend may go.
  void CloseAll();
  /// Stops accepting, lets answers under way finish for the configured time. Any thread.
  void Drain();
  /// Ends at once. Any thread.
  void Stop();

  void PostToLoop(std::function<void()> job) override;
  void PostToBackground(std::function<void()> job) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vivace::server
