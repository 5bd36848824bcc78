#include "server/http_parser.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "server/api_error.h"

namespace vivace::server {
namespace http = boost::beast::http;

struct HttpParser::Impl {
  http::request_parser<http::string_body> parser;
};

HttpParser::HttpParser(const HttpLimits& limits) : limits_(limits) {
  Reset();
}

HttpParser::~HttpParser() = default;

void HttpParser::Reset() {
  impl_ = std::make_unique<Impl>();
  impl_->parser.eager(true);
  impl_->parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  impl_->parser.body_limit(limits_.body_bytes);
  started_ = false;
  continue_told_ = false;
  body_received_ = 0;
}

void HttpParser::Drop() {
  std::string().swap(buffer_);
  Reset();
}

bool HttpParser::header_done() const {
  return impl_->parser.is_header_done();
}

bool HttpParser::RequestLineTooLong() const {
  const std::size_t end = buffer_.find('\n');
  return (end == std::string::npos ? buffer_.size() : end) > limits_.request_line_bytes;
}

HttpParser::Progress HttpParser::Fail(int status, std::string_view message) {
  error_ = ErrorReply(
      {.status = status, .message = std::string(message), .type = "invalid_request_error", .code = ""});
  return Progress::kError;
}

HttpParser::Progress HttpParser::Advance() {
  auto& parser = impl_->parser;
  if (!started_) {
    // Empty lines before a request are allowed (RFC 9112 section 2.2).
    buffer_.erase(0, std::min(buffer_.find_first_not_of("\r\n"), buffer_.size()));
  }
  while (!buffer_.empty() && !parser.is_done()) {
    if (!started_ && RequestLineTooLong()) {
      return Fail(414, "the request line is over " + std::to_string(limits_.request_line_bytes) + " bytes");
    }
    boost::system::error_code error;
    const bool in_body = parser.is_header_done();
    const std::size_t used = parser.put(boost::asio::buffer(buffer_), error);
    buffer_.erase(0, used);
    started_ = started_ || used > 0;
    if (in_body) body_received_ += used;
    // What is left then is one line that does not end: a header, or in a body the length of a chunk.
    const bool endless = error == http::error::need_more && buffer_.size() > limits_.header_bytes;
    if (endless && in_body) {
      return Fail(400, "a line of a chunked body is over " + std::to_string(limits_.header_bytes) + " bytes");
    }
    if (endless || error == http::error::header_limit) {
      return Fail(431, "the headers are over " + std::to_string(limits_.header_bytes) + " bytes");
    }
    if (error == http::error::need_more) break;
    if (error == http::error::body_limit) {
      return Fail(413, "the request body is over " + std::to_string(limits_.body_bytes) + " bytes");
    }
    if (error) return Fail(400, "this is not valid HTTP: " + error.message());
    if (used == 0) break;
  }
  if (parser.is_header_done()) {
    const auto& fields = parser.get().base();
    if (static_cast<std::size_t>(std::distance(fields.begin(), fields.end())) > limits_.header_count) {
      return Fail(431, "there are more than " + std::to_string(limits_.header_count) + " headers");
    }
    // RFC 9112 section 3.2: exactly one Host. Programs that read another of several would answer for another.
    const std::size_t hosts = fields.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && parser.get().version() >= 11)) {
      return Fail(400, "there are " + std::to_string(hosts) + " Host headers; one is needed");
    }
  }
  if (parser.is_done()) return Progress::kComplete;
  if (parser.is_header_done() && !continue_told_) {
    continue_told_ = true;
    const auto expect = parser.get()[http::field::expect];
    if (boost::beast::iequals(expect, "100-continue")) return Progress::kContinue;
  }
  return Progress::kNeedMore;
}

HttpRequest HttpParser::Take() {
  auto& message = impl_->parser.get();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.content_type = std::string(message[http::field::content_type]);
  request.content_encoding = std::string(message[http::field::content_encoding]);
  request.authorization = std::string(message[http::field::authorization]);
  request.request_id = std::string(message["X-Request-Id"]);
  request.origin = std::string(message[http::field::origin]);
  request.preflight_method = std::string(message[http::field::access_control_request_method]);
  request.preflight_headers = std::string(message[http::field::access_control_request_headers]);
  request.body = std::move(message.body());
  request.keep_alive = message.keep_alive();
  request.chunked_allowed = message.version() >= 11;
  Reset();
  return request;
}

}  // namespace vivace::server
