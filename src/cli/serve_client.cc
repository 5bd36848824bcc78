#include "cli/serve_client.h"

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <limits>
#include <optional>

#include "cli/serve_event.h"

// g++ 12 takes the pool that Asio's coroutine frames come from for a plain new.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace vivace::cli {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using boost::system::error_code;

constexpr std::size_t kMostAnswerBytes = std::size_t{64} << 20;
constexpr int kOk = 200;

/// Takes a stream of server-sent events apart; a body that is no stream is one event.
class EventReader {
 public:
  EventReader(ServeAnswer& answer, Clock::time_point start) : answer_(answer), start_(start) {}

  void Add(std::string_view bytes) {
    rest_ += bytes;
    for (std::size_t end; is_stream_ && (end = rest_.find('\n')) != std::string::npos;) {
      Line(std::string_view(rest_).substr(0, end));
      rest_.erase(0, end + 1);
    }
  }
  void SetStream(bool is_stream) { is_stream_ = is_stream; }
  void End() {
    if (!rest_.empty()) is_stream_ ? Line(rest_) : Event(rest_);
  }

 private:
  void Line(std::string_view line) {
    constexpr std::string_view kData = "data:";
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.starts_with(kData)) return;
    line.remove_prefix(kData.size());
    while (line.starts_with(' ')) line.remove_prefix(1);
    if (line != "[DONE]") Event(line);
  }

  void Event(std::string_view json) {
    const ServeEvent event = ParseServeEvent(json);
    if (!event.is_valid) answer_.error = event.error;
    if (event.has_choice && !event.text.empty()) {
      answer_.piece_s.push_back(std::chrono::duration<double>(Clock::now() - start_).count());
      answer_.text += event.text;
    }
    answer_.prompt_tokens = event.prompt_tokens.value_or(answer_.prompt_tokens);
    answer_.output_tokens = event.output_tokens.value_or(answer_.output_tokens);
  }

  ServeAnswer& answer_;
  const Clock::time_point start_;
  bool is_stream_ = false;
  std::string rest_;
};

http::request<http::string_body> MakeRequest(const ServeTarget& target, http::verb verb,
                                             const std::string& path, const std::string& body) {
  http::request<http::string_body> request{verb, target.prefix + path, 11};
  request.set(http::field::host, target.host + ":" + target.port);
  request.set(http::field::connection, "close");
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  for (const auto& [name, value] : target.headers) request.set(name, value);
  request.body() = body;
  request.prepare_payload();
  return request;
}

/// One request on a connection of its own; says what went wrong, or nothing.
asio::awaitable<std::string> Exchange(const ServeTarget& target, http::request<http::string_body> request,
                                      EventReader& reader) {
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  tcp::socket socket(co_await asio::this_coro::executor);
  tcp::resolver resolver(socket.get_executor());
  const auto addresses = co_await resolver.async_resolve(target.host, target.port, token);
  if (!error) co_await asio::async_connect(socket, addresses, token);
  if (error) co_return "cannot connect to " + target.host + ":" + target.port + ": " + error.message();
  socket.set_option(tcp::no_delay(true), error);
  co_await http::async_write(socket, request, token);
  if (error) co_return "cannot send: " + error.message();
  boost::beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(kMostAnswerBytes);
  co_await http::async_read_header(socket, buffer, parser, token);
  if (error) co_return "no answer: " + error.message();
  const int status = static_cast<int>(parser.get().result_int());
  reader.SetStream(parser.get()[http::field::content_type].starts_with("text/event-stream"));
  std::array<char, 8192> bytes;
  while (!parser.is_done()) {
    parser.get().body().data = bytes.data();
    parser.get().body().size = bytes.size();
    co_await http::async_read_some(socket, buffer, parser, token);
    if (error == http::error::need_buffer) error = {};
    reader.Add({bytes.data(), bytes.size() - parser.get().body().size});
    if (error) co_return "the answer was cut off: " + error.message();
  }
  reader.End();
  co_return status == kOk ? "" : "status " + std::to_string(status);
}

/// All requests of a run; lives until its event loop is done.
class Run {
 public:
  Run(const ServeTarget& target, const std::string& path, const std::vector<ServeRequest>& requests,
      int max_concurrency, const std::function<void()>& on_finish)
      : target_(target), path_(path), requests_(requests), on_finish_(on_finish), slot_(context_) {
    most_ = max_concurrency > 0 ? max_concurrency : std::numeric_limits<int>::max();
    answers_.resize(requests.size());
  }

  ServeRun Go() {
    asio::co_spawn(context_, Dispatch(), asio::detached);
    context_.run();
    return {Now(), std::move(answers_)};
  }

 private:
  double Now() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  asio::awaitable<void> Dispatch() {
    error_code ignored;
    asio::steady_timer timer(context_);
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      timer.expires_at(start_ + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(requests_[i].start_s)));
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      while (running_ >= most_) {
        slot_.expires_at(Clock::time_point::max());
        co_await slot_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      }
      ++running_;
      asio::co_spawn(context_, RunOne(i), asio::detached);
    }
  }

  asio::awaitable<void> RunOne(std::size_t index) {
    ServeAnswer& answer = answers_[index];
    answer.start_s = Now();
    EventReader reader(answer, start_);
    const std::string wrong = co_await Exchange(
        target_, MakeRequest(target_, http::verb::post, path_, requests_[index].body), reader);
    answer.end_s = Now();
    if (!wrong.empty()) answer.error = answer.error.empty() ? wrong : wrong + ": " + answer.error;
    answer.ok = answer.error.empty();
    if (answer.output_tokens == 0) answer.output_tokens = static_cast<int>(answer.piece_s.size());
    --running_;
    slot_.cancel();
    if (on_finish_) on_finish_();
  }

  const ServeTarget& target_;
  const std::string& path_;
  const std::vector<ServeRequest>& requests_;
  const std::function<void()>& on_finish_;
  int most_ = 0, running_ = 0;
  std::vector<ServeAnswer> answers_;
  asio::io_context context_{1};
  asio::steady_timer slot_;  // cancelled when a request ends
  const Clock::time_point start_ = Clock::now();
};

}  // namespace

Result<ServeTarget> ParseBaseUrl(const std::string& url) {
  constexpr std::string_view kHttp = "http://";
  const auto wrong = [&](const char* why) {
    return InvalidArgument("--base-url is '" + url.substr(0, 100) + "': " + why);
  };
  if (url.starts_with("https://")) return wrong("https is not built; use http, or a proxy in front");
  if (!url.starts_with(kHttp)) return wrong("it must be like http://127.0.0.1:8000");
  const std::string rest = url.substr(kHttp.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string authority = rest.substr(0, slash);
  ServeTarget target;
  target.port = "80";
  target.prefix = rest.substr(slash);
  while (target.prefix.ends_with('/')) target.prefix.pop_back();
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string::npos ? 0 : bracket);
  if (colon != std::string::npos) {
    target.port = authority.substr(colon + 1);
    authority.resize(colon);
  }
  if (bracket != std::string::npos) authority = authority.substr(1, bracket - 1);
  if (authority.empty() || target.port.empty() ||
      target.port.find_first_not_of("0123456789") != std::string::npos)
    return wrong("it must be like http://127.0.0.1:8000");
  target.host = authority;
  return target;
}

ServeRun RunServeRequests(const ServeTarget& target, const std::string& path,
                          const std::vector<ServeRequest>& requests, int max_concurrency,
                          const std::function<void()>& on_finish) {
  return Run(target, path, requests, max_concurrency, on_finish).Go();
}

Result<std::string> FetchFromServer(const ServeTarget& target, const std::string& path) {
  asio::io_context context{1};
  error_code error;
  tcp::socket socket(context);
  tcp::resolver resolver(context);
  const auto addresses = resolver.resolve(target.host, target.port, error);
  if (!error) asio::connect(socket, addresses, error);
  if (!error) http::write(socket, MakeRequest(target, http::verb::get, path, ""), error);
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> response;
  if (!error) http::read(socket, buffer, response, error);
  const std::string where = "http://" + target.host + ":" + target.port + target.prefix + path;
  if (error) return Unavailable(where + ": " + error.message());
  if (response.result_int() != kOk)
    return Unavailable(where + " answered with status " + std::to_string(response.result_int()));
  return response.body();
}

}  // namespace vivace::cli
