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
  impl_->parser.eager(false);  // until the header is taken
  impl_->parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  impl_->parser.body_limit(limits_.body_bytes);
  request_ = {};
  header_taken_ = false;
  started_ = false;
  continue_told_ = false;
  body_received_ = 0;
}

void HttpParser::Drop() {
  std::string().swap(buffer_);
  Reset();
}

bool HttpParser::header_done() const {
  return header_taken_;
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

/// Bytes that may be all there is of a last chunk. Beast (1.81) wants the five of "0\r\n\r\n" when it comes
/// back to one, and asserts that. Every message that goes on has as many, so none waits in vain.
bool HttpParser::LastChunkMayBeIncomplete() const {
  return impl_->parser.chunked() && buffer_.size() < 5 && buffer_[0] == '0';
}

bool HttpParser::CheckHeaderCount() {
  const auto& fields = impl_->parser.get().base();
  if (static_cast<std::size_t>(std::distance(fields.begin(), fields.end())) <= limits_.header_count)
    return true;
  Fail(431, "there are more than " + std::to_string(limits_.header_count) + " headers");
  return false;
}

// RFC 9112 section 3.2: exactly one Host. Programs that read another of several would answer for another.
bool HttpParser::CheckHeader() {
  if (!CheckHeaderCount()) return false;
  const auto& message = impl_->parser.get();
  const std::size_t hosts = message.count(http::field::host);
  if (hosts == 1 || (hosts == 0 && message.version() < 11)) return true;
  Fail(400, "there are " + std::to_string(hosts) + " Host headers; one is needed");
  return false;
}

// Before the body is read: Beast adds what may follow a body in chunks, the trailer, to the headers, and a
// trailer is none of them (RFC 9110 section 6.5.1).
void HttpParser::TakeHeader() {
  const auto& message = impl_->parser.get();
  request_.method = std::string(message.method_string());
  request_.target = std::string(message.target());
  request_.content_type = std::string(message[http::field::content_type]);
  request_.content_encoding = std::string(message[http::field::content_encoding]);
  request_.authorization = std::string(message[http::field::authorization]);
  request_.request_id = std::string(message["X-Request-Id"]);
  request_.origin = std::string(message[http::field::origin]);
  request_.preflight_method = std::string(message[http::field::access_control_request_method]);
  request_.preflight_headers = std::string(message[http::field::access_control_request_headers]);
  request_.keep_alive = message.keep_alive();
  request_.chunked_allowed = message.version() >= 11;
  header_taken_ = true;
  impl_->parser.eager(true);  // and goes on with the body
}

// What Beast says of the bytes that it was given. True: it goes on, with them or with more of them.
bool HttpParser::GoesOn(const boost::system::error_code& error) {
  // What is left then is one line that does not end: a header, or in a body the length of a chunk.
  const bool endless = error == http::error::need_more && buffer_.size() > limits_.header_bytes;
  if (endless && header_taken_) {
    Fail(400, "a line of a chunked body is over " + std::to_string(limits_.header_bytes) + " bytes");
  } else if (endless || error == http::error::header_limit) {
    Fail(431, "the headers are over " + std::to_string(limits_.header_bytes) + " bytes");
  } else if (error == http::error::body_limit) {
    Fail(413, "the request body is over " + std::to_string(limits_.body_bytes) + " bytes");
  } else if (error && error != http::error::need_more) {
    Fail(400, "this is not valid HTTP: " + error.message());
  } else {
    return true;
  }
  return false;
}

// Gives the parser what is buffered, as far as it takes it.
bool HttpParser::Parse() {
  auto& parser = impl_->parser;
  while (!buffer_.empty() && !parser.is_done()) {
    if (!started_ && RequestLineTooLong()) {
      Fail(414, "the request line is over " + std::to_string(limits_.request_line_bytes) + " bytes");
      return false;
    }
    if (header_taken_ && LastChunkMayBeIncomplete()) return true;
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(buffer_), error);
    buffer_.erase(0, used);
    started_ = started_ || used > 0;
    if (header_taken_) body_received_ += used;
    if (!GoesOn(error)) return false;
    if (error || used == 0) return true;
    if (!header_taken_ && parser.is_header_done()) {
      if (!CheckHeader()) return false;
      TakeHeader();
    }
  }
  return !parser.is_done() || CheckHeaderCount();  // with the trailer
}

HttpParser::Progress HttpParser::Advance() {
  if (!started_) {
    // Empty lines before a request are allowed (RFC 9112 section 2.2).
    buffer_.erase(0, std::min(buffer_.find_first_not_of("\r\n"), buffer_.size()));
  }
  if (!Parse()) return Progress::kError;
  if (impl_->parser.is_done()) return Progress::kComplete;
  if (header_taken_ && !continue_told_) {
    continue_told_ = true;
    const auto expect = impl_->parser.get()[http::field::expect];
    if (boost::beast::iequals(expect, "100-continue")) return Progress::kContinue;
  }
  return Progress::kNeedMore;
}

HttpRequest HttpParser::Take() {
  HttpRequest request = std::move(request_);
  request.body = std::move(impl_->parser.get().body());
  Reset();
  return request;
}

}  // namespace vivace::server
