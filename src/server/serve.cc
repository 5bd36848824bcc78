#include "server/serve.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include "base/status_macros.h"
#include "server/http_server.h"

namespace vivace::server {
namespace {

ServerConfig ConfigFrom(const Options& options) {
  ServerConfig config;
  config.host = options.Text("host");
  config.port = static_cast<int>(options.Integer("port"));
  config.shutdown_timeout =
      std::chrono::milliseconds(static_cast<std::int64_t>(options.Number("shutdown-timeout") * 1000));
  config.service.max_sequences_in_flight =
      static_cast<int>(options.Integer("max-num-seqs") + options.Integer("max-num-queued-reqs"));
  return config;
}

void PrintReady(const ModelInfo& model, const ServerConfig& config, int port, double start_ms) {
  const bool is_ipv6 = config.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + config.host + "]" : config.host;
  std::fprintf(stderr,
               "vivace: serving %s on http://%s:%d (-O%d, %d tokens of context, ready after %.0f ms)\n",
               model.name.c_str(), host.c_str(), port, model.level, model.max_model_len, start_ms);
  std::fflush(stderr);
}

}  // namespace

Status ServeWith(const Options& options, const BackendFactory& make_backend) {
  const auto start = Clock::now();
  const ServerConfig config = ConfigFrom(options);
  Status load_status;
  // The backend goes last: the server's background thread and the engine's callbacks use the server.
  auto server = std::make_unique<HttpServer>(config);
  VIVACE_RETURN_IF_ERROR(server->Listen());
  const int port = server->port();
  server->HandleSignals();
  std::unique_ptr<Backend> backend;
  std::thread loader([&] {
    auto made = make_backend();
    if (!made.ok()) {
      load_status = made.status();
      server->Stop();
      return;
    }
    backend = std::move(made).value();
    server->SetBackend(*backend);
    const std::chrono::duration<double, std::milli> took = Clock::now() - start;
    PrintReady(backend->model(), config, port, took.count());
  });
  server->Run();
  loader.join();
  server->CloseAll();
  backend.reset();
  return load_status;
}

Status Serve(const Options& options) {
  return ServeWith(options, [&]() -> Result<std::unique_ptr<Backend>> {
    auto engine = Engine::Create(options);
    if (!engine.ok()) return engine.status();
    return MakeEngineBackend(std::move(engine).value());
  });
}

}  // namespace vivace::server
