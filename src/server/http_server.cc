#include "server/http_server.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <new>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "server/admission.h"
#include "server/background_thread.h"

namespace vivace::server {
namespace asio = boost::asio;
using asio::ip::tcp;
namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kLastWords{300};  // for error events to leave before sockets close

/// Who counts as one client. IPv6 gives each a network of 2^64 addresses (RFC 4291 section 2.5.1).
std::string ClientOf(const asio::ip::address& address) {
  if (!address.is_v6() || address.to_v6().is_v4_mapped()) return address.to_string();
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return asio::ip::address_v6(bytes).to_string();
}

}  // namespace

struct HttpServer::Impl {
  struct Guest {
    std::shared_ptr<Connection> connection;
    Admission::Place place;
  };

  Impl(HttpServer& server, const ServerConfig& server_config)
      : config(server_config),
        budget(config.request_bytes_in_all),
        acceptor(loop),
        unix_acceptor(loop),
        tick_timer(loop),
        drain_timer(loop),
        pause_timer(loop),
        service(server, config.service),
        admission(config.max_connections, config.max_connections_per_client) {}

  ~Impl() { StopListening(); }

  Status Listen();
  Status ListenOnTcp();
  Status ListenOnUnixSocket();
  void StopListening();
  bool listening() const { return acceptor.is_open() || unix_acceptor.is_open(); }
  void Accept();
  void OnAccepted(boost::system::error_code error, Stream::Socket socket, const std::string& address,
                  std::string client);
  void Begin(Stream::Socket socket, Admission::Place place, std::string client);
  /// A copy, for who may close some of them.
  std::vector<std::shared_ptr<Connection>> AllConnections() const;
  void ScheduleTick();
  void WaitForSignal();
  void Drain();
  void EndAll();
  void StopWhenIdle();
  void Stop();
  void StartOver();

  const ServerConfig config;
  BodyBudget budget;  // before the loop, whose handlers keep connections
  asio::io_context loop{1};
  tcp::acceptor acceptor;
  asio::local::stream_protocol::acceptor unix_acceptor;  // one of the two is open
  asio::steady_timer tick_timer, drain_timer, pause_timer;
  std::optional<asio::signal_set> signals;
  Service service;
  std::unique_ptr<Tls> tls;  // where it is wanted
  Admission admission;
  std::unordered_map<Connection*, Guest> connections;
  bool draining = false;
  bool ending = false;                      // the drain time is over
  bool accepting = false, ticking = false;  // their handlers will come
  std::atomic<bool> stopped = false;
  // Last: its jobs use what is above, and it is joined first.
  std::optional<BackgroundThread> background{std::in_place};
};

Status HttpServer::Impl::ListenOnUnixSocket() {
  const std::string& path = config.unix_socket;
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) {
    return InvalidArgument("--uds is '" + path + "': it must be shorter than " +
                           std::to_string(sizeof address.sun_path) + " bytes");
  }
  // A socket that another process left; anything else with that name stays.
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) ::unlink(path.c_str());
  boost::system::error_code error;
  unix_acceptor.open(asio::local::stream_protocol(), error);
  if (!error) unix_acceptor.bind(asio::local::stream_protocol::endpoint(path), error);
  if (!error) unix_acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return Status::Ok();
  boost::system::error_code ignored;
  unix_acceptor.close(ignored);
  return Unavailable("cannot listen on --uds '" + path + "': " + error.message());
}

void HttpServer::Impl::StopListening() {
  boost::system::error_code ignored;
  acceptor.close(ignored);
  if (unix_acceptor.is_open()) ::unlink(config.unix_socket.c_str());
  unix_acceptor.close(ignored);
}

Status HttpServer::Impl::Listen() {
  if (!config.tls.certificate.empty()) {
    VIVACE_ASSIGN_OR_RETURN(tls, Tls::FromFiles(config.tls));
  }
  return config.unix_socket.empty() ? ListenOnTcp() : ListenOnUnixSocket();
}

Status HttpServer::Impl::ListenOnTcp() {
  const std::string where = config.host + ":" + std::to_string(config.port);
  boost::system::error_code error;
  tcp::resolver resolver(loop);
  const auto found = resolver.resolve(config.host, std::to_string(config.port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) {
    return InvalidArgument("--host is '" + config.host + "': there is no such address (" + error.message() +
                           ")");
  }
  const tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return Status::Ok();
  if (error == asio::error::address_in_use) {
    return Unavailable("port " + std::to_string(config.port) + " on " + config.host +
                       " is in use by another program; stop it or choose another with --port");
  }
  return Unavailable("cannot listen on " + where + ": " + error.message());
}

void HttpServer::Impl::Accept() {
  accepting = true;
  if (unix_acceptor.is_open()) {
    unix_acceptor.async_accept(
        [this](boost::system::error_code error, asio::local::stream_protocol::socket socket) {
          accepting = false;
          OnAccepted(error, std::move(socket), "", "unix");
        });
    return;
  }
  acceptor.async_accept([this](boost::system::error_code error, tcp::socket socket) {
    accepting = false;
    boost::system::error_code unknown;
    const tcp::endpoint client = socket.remote_endpoint(unknown);
    const std::string address = client.address().to_string();
    OnAccepted(
        error, std::move(socket), ClientOf(client.address()),
        (client.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(client.port()));
  });
}

void HttpServer::Impl::OnAccepted(boost::system::error_code error, Stream::Socket socket,
                                  const std::string& address, std::string client) {
  if (!listening()) return;
  if (error) {
    // Out of file descriptors, say: try again when some may be free, without spinning.
    pause_timer.expires_after(kAcceptPause);
    accepting = true;
    pause_timer.async_wait([this](boost::system::error_code cancelled) {
      accepting = false;
      if (!cancelled && listening()) Accept();
    });
    return;
  }
  Admission::Place place = admission.Take(address);
  // Saying no through TLS would take a handshake, the costliest thing that a client can ask for.
  const bool heard = place.kind() == Admission::Kind::kRefused && tls == nullptr;
  if (place.kind() == Admission::Kind::kGuest || heard) {
    Begin(std::move(socket), std::move(place), std::move(client));
  }
  Accept();
}

void HttpServer::Impl::Begin(Stream::Socket socket, Admission::Place place, std::string client) {
  const bool is_guest = place.kind() == Admission::Kind::kGuest;
  auto connection = std::make_shared<Connection>(
      tls != nullptr ? tls->Wrap(std::move(socket)) : MakePlainStream(std::move(socket)), std::move(client),
      service, config.connection, budget, [this](Connection& closed) {
        connections.erase(&closed);
        StopWhenIdle();
      });
  connections.emplace(connection.get(), Guest{connection, std::move(place)});
  if (is_guest) return connection->Start();
  connection->StartRefused(
      FromStatus(Unavailable("the server has no room for another connection, in all or from this address; "
                             "close some or try again")));
}

std::vector<std::shared_ptr<Connection>> HttpServer::Impl::AllConnections() const {
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections.size());
  for (const auto& [key, guest] : connections) all.push_back(guest.connection);
  return all;
}

void HttpServer::Impl::ScheduleTick() {
  tick_timer.expires_after(kTick);
  ticking = true;
  tick_timer.async_wait([this](boost::system::error_code cancelled) {
    ticking = false;
    if (cancelled) return;
    const auto now = Clock::now();
    for (const auto& connection : AllConnections()) connection->OnTick(now);
    ScheduleTick();
  });
}

void HttpServer::Impl::WaitForSignal() {
  signals->async_wait([this](boost::system::error_code cancelled, int) {
    if (cancelled) return;
    if (draining) {
      // The promise of one second holds even when something below does not end.
      std::signal(SIGALRM, [](int) { ::_exit(1); });
      ::alarm(1);
      return EndAll();
    }
    Drain();
    WaitForSignal();
  });
}

void HttpServer::Impl::Drain() {
  if (draining) return;
  draining = true;
  service.BeginDrain();
  StopListening();
  for (const auto& connection : AllConnections()) connection->BeginDrain();
  drain_timer.expires_after(config.shutdown_timeout);
  drain_timer.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) EndAll();
  });
  StopWhenIdle();
}

void HttpServer::Impl::EndAll() {
  if (ending) return;
  ending = true;
  service.FailAll(FromStatus(Unavailable("the server is shutting down and this answer is not complete")));
  drain_timer.expires_after(kLastWords);
  drain_timer.async_wait([this](boost::system::error_code) { Stop(); });
  StopWhenIdle();
}

void HttpServer::Impl::StopWhenIdle() {
  if (draining && connections.empty()) Stop();
}

void HttpServer::Impl::Stop() {
  stopped = true;
  loop.stop();
}

// Memory ran out in the middle of something that stands for no connection alone: all of them close, which
// frees what they hold, and the server goes on.
void HttpServer::Impl::StartOver() {
  while (!connections.empty()) {
    const std::shared_ptr<Connection> connection = connections.begin()->second.connection;
    connection->Close();
    connections.erase(connection.get());
  }
  StopWhenIdle();
  if (!listening()) return;
  if (!accepting) Accept();
  if (!ticking) ScheduleTick();
}

HttpServer::HttpServer(const ServerConfig& config) : impl_(std::make_unique<Impl>(*this, config)) {}

HttpServer::~HttpServer() {
  CloseAll();
}

void HttpServer::CloseAll() {
  impl_->background.reset();
  // Handlers that never ran keep connections; closing ends their calls while the service still stands.
  for (const auto& connection : impl_->AllConnections()) connection->Close();
}

Status HttpServer::Listen() {
  const Status status = impl_->Listen();
  if (status.ok()) {
    impl_->Accept();
    impl_->ScheduleTick();
  }
  return status;
}

int HttpServer::port() const {
  boost::system::error_code error;
  return impl_->acceptor.local_endpoint(error).port();
}

bool HttpServer::everywhere() const {
  boost::system::error_code error;
  return impl_->acceptor.is_open() && impl_->acceptor.local_endpoint(error).address().is_unspecified();
}

void HttpServer::SetBackend(Backend& backend) {
  PostToLoop([this, &backend] { impl_->service.SetBackend(backend); });
}

void HttpServer::HandleSignals() {
  impl_->signals.emplace(impl_->loop, SIGINT, SIGTERM);
  impl_->WaitForSignal();
}

bool HttpServer::ready() const {
  return impl_->service.ready();
}

void HttpServer::Run() {
  bool exhausted = false;
  do {
    try {
      if (std::exchange(exhausted, false)) impl_->StartOver();
      impl_->loop.run();
    } catch (const std::bad_alloc&) {
      exhausted = true;
      base::IfMemoryLasts([&] {
        impl_->config.service.log.Error("memory ran out in the server: all connections are closed");
      });
    }
  } while (exhausted && !impl_->stopped);
  impl_->signals.reset();
}

void HttpServer::Drain() {
  PostToLoop([this] { impl_->Drain(); });
}

void HttpServer::Stop() {
  impl_->Stop();
}

void HttpServer::PostToLoop(std::function<void()> job) {
  asio::post(impl_->loop, std::move(job));
}

void HttpServer::PostToBackground(std::function<void()> job) {
  impl_->background->Post(std::move(job));
}

}  // namespace vivace::server
