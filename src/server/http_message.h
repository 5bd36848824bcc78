// One HTTP request and reply as plain data, apart from sockets and from any HTTP library.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vivace::server {

struct HttpRequest {
  std::string method;
  std::string target;  // as sent, query included
  std::string content_type;
  std::string content_encoding;
  std::string authorization;
  std::string request_id;         // X-Request-Id
  std::string origin;             // of the page that asks; empty: no browser, or the server's own page
  std::string preflight_method;   // Access-Control-Request-Method
  std::string preflight_headers;  // Access-Control-Request-Headers
  std::string body;
  bool keep_alive = true;
  bool chunked_allowed = true;  // false for an HTTP/1.0 client
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};  // beside type and length
};

/// "Bad Request" for 400 and so on.
std::string_view ReasonPhrase(int status);
/// Status line and headers of a reply with a known length, then the body (left out with head_only).
std::string SerializeReply(const HttpReply& reply, bool keep_alive, bool head_only);
/// Status line and headers of an event stream: chunked, or until close for an HTTP/1.0 client.
std::string StreamHeader(bool keep_alive, bool chunked,
                         const std::vector<std::pair<std::string, std::string>>& headers = {});
/// One chunk of a chunked body; `data` must not be empty.
std::string EncodeChunk(std::string_view data);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace vivace::server
