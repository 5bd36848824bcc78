// Turns the bytes of one connection into HttpRequests, one after another (pipelined requests wait in the
// buffer). The only user of Boost.Beast. Not thread-safe; owned by its connection.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "server/http_message.h"

namespace boost::system {
class error_code;
}

namespace vivace::server {

struct HttpLimits {
  std::size_t request_line_bytes = 8 << 10;
  std::size_t header_bytes = 64 << 10;
  std::size_t header_count = 100;
  std::size_t body_bytes = 16 << 20;
};

class HttpParser {
 public:
  enum class Progress {
    kNeedMore,  // bytes are missing
    kContinue,  // as kNeedMore, and the client waits for "100 Continue"; told once a request
    kComplete,  // Take() gives the request
    kError      // see error(); the connection cannot go on
  };

  explicit HttpParser(const HttpLimits& limits);
  ~HttpParser();

  void Append(std::string_view bytes) { buffer_ += bytes; }
  /// Parses what is buffered, up to the end of one request.
  Progress Advance();
  /// The complete request; the parser is then at the start of the next one.
  HttpRequest Take();

  /// Forgets what it has read; nothing more is to be parsed.
  void Drop();

  /// The reply (4xx) that says what was wrong.
  const HttpReply& error() const { return error_; }
  std::size_t buffered() const { return buffer_.size(); }
  bool header_done() const;
  /// True when no byte of the next request has come.
  bool idle() const { return buffer_.empty() && !started_; }
  std::size_t body_received() const { return body_received_; }
  /// Bytes of requests that it keeps in memory.
  std::size_t held() const { return buffer_.size() + body_received_; }

 private:
  struct Impl;
  void Reset();
  Progress Fail(int status, std::string_view message);
  /// False: error() says what is wrong.
  bool Parse();
  bool GoesOn(const boost::system::error_code& error);
  bool CheckHeader();
  bool CheckHeaderCount();
  void TakeHeader();
  bool RequestLineTooLong() const;
  bool LastChunkMayBeIncomplete() const;

  HttpLimits limits_;
  std::unique_ptr<Impl> impl_;
  std::string buffer_;
  HttpRequest request_;  // its body is the parser's until it is complete
  bool header_taken_ = false;
  bool started_ = false;  // bytes of the current request are consumed
  bool continue_told_ = false;
  std::size_t body_received_ = 0;
  HttpReply error_;
};

}  // namespace vivace::server
