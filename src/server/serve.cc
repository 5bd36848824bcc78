#include "server/serve.h"

#include <atomic>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "server/http_server.h"
#include "server/serve_config.h"

namespace vivace::server {
namespace {

void PrintReady(const ModelInfo& model, const ServerConfig& config, int port, double start_ms) {
  const bool is_ipv6 = config.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + config.host + "]" : config.host;
  const std::string address =
      (config.tls.certificate.empty() ? "http://" : "https://") + host + ":" + std::to_string(port);
  const std::string where = config.unix_socket.empty() ? address : "unix:" + config.unix_socket;
  const auto& names = config.service.names;
  std::fprintf(stderr, "vivace: serving %s on %s (-O%d, %d tokens of context, ready after %.0f ms)\n",
               names.empty() ? model.name.c_str() : names.front().c_str(), where.c_str(), model.level,
               model.max_model_len, start_ms);
  std::fflush(stderr);
  const base::Log& log = config.service.log;
  log.Info("Starting vLLM server on " + address +
           " (Vivace; clients of OpenAI's and of vLLM's API find what they know)");
  log.Info("Application startup complete. (requests are answered from now on; until here they got 503)");
}

/// A template that the model's users bring is tried once, so that a mistake in it is seen at the start.
void TryTemplate(const Backend& backend, const ServerConfig& config) {
  if (config.service.rules.chat_template.empty()) return;
  ChatPrompt prompt;
  prompt.messages.push_back({"user", "Hello"});
  prompt.chat_template = config.service.rules.chat_template;
  const auto rendered = backend.RenderChat(prompt);
  if (rendered.ok()) return;
  config.service.log.Warning("--chat-template cannot render a simple message: " +
                             rendered.status().message());
}

// Sockets, signals and threads, of each of which the system may have too few.
Result<std::unique_ptr<HttpServer>> OpenServer(const ServerConfig& config) try {
  auto server = std::make_unique<HttpServer>(config);
  VIVACE_RETURN_IF_ERROR(server->Listen());
  server->HandleSignals();
  return server;
} catch (const boost::system::system_error& error) {
  return ResourceExhausted(std::string("the server cannot start: ") + error.what() +
                           "; raise the limit of open files (ulimit -n)");
} catch (...) {
  return base::CaughtExhaustion("the server started");
}

}  // namespace

Status ServeWith(const Options& options, const BackendFactory& make_backend,
                 const std::function<void()>& leave) {
  const auto start = Clock::now();
  VIVACE_ASSIGN_OR_RETURN(const ServerConfig config, ServerConfigFrom(options));
  Status load_status;
  // The backend goes last: the server's background thread and the engine's callbacks use the server.
  VIVACE_ASSIGN_OR_RETURN(const auto server, OpenServer(config));
  const int port = server->port();
  WarnWhenOpen(config, server->everywhere());
  WarnOfVisibleKeys(options, config);
  std::unique_ptr<Backend> backend;
  std::atomic<bool> loading = true;
  const auto load = [&]() -> Status {
    VIVACE_ASSIGN_OR_RETURN(backend, make_backend());
    TryTemplate(*backend, config);
    server->SetBackend(*backend);
    loading = false;
    const std::chrono::duration<double, std::milli> took = Clock::now() - start;
    PrintReady(backend->model(), config, port, took.count());
    return Status::Ok();
  };
  std::thread loader([&] {
    try {
      load_status = load();
    } catch (...) {
      load_status = base::CaughtExhaustion("the server started");
    }
    loading = false;
    if (!load_status.ok()) server->Stop();
  });
  server->Run();
  if (loading) leave();
  loader.join();
  server->CloseAll();
  backend.reset();
  return load_status;
}

Status Serve(const Options& options) {
  return ServeWith(
      options,
      [&]() -> Result<std::unique_ptr<Backend>> {
        auto engine = Engine::Create(options);
        if (!engine.ok()) return engine.status();
        return MakeEngineBackend(std::move(engine).value());
      },
      [] {
        // Loading cannot be interrupted, so its thread and what it uses are left to the system.
        std::fflush(nullptr);
        std::_Exit(0);
      });
}

}  // namespace vivace::server
