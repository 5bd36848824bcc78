#include "server/http_message.h"

#include <array>
#include <charconv>

namespace vivace::server {
namespace {

std::string StatusLine(int status) {
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string(ReasonPhrase(status)) +
         "\r\nServer: vivace\r\n";
}

std::string_view ConnectionHeader(bool keep_alive) {
  return keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  struct Phrase {
    int status;
    std::string_view text;
  };
  static constexpr std::array<Phrase, 15> kPhrases = {{{200, "OK"},
                                                       {400, "Bad Request"},
                                                       {401, "Unauthorized"},
                                                       {404, "Not Found"},
                                                       {405, "Method Not Allowed"},
                                                       {408, "Request Timeout"},
                                                       {413, "Payload Too Large"},
                                                       {414, "URI Too Long"},
                                                       {415, "Unsupported Media Type"},
                                                       {422, "Unprocessable Entity"},
                                                       {429, "Too Many Requests"},
                                                       {431, "Request Header Fields Too Large"},
                                                       {500, "Internal Server Error"},
                                                       {501, "Not Implemented"},
                                                       {503, "Service Unavailable"}}};
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return "Unknown";
}

std::string SerializeReply(const HttpReply& reply, bool keep_alive, bool head_only) {
  std::string out = StatusLine(reply.status);
  out += "Content-Type: " + reply.content_type + "\r\n";
  out += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  for (const auto& [name, value] : reply.headers) out += name + ": " + value + "\r\n";
  out += ConnectionHeader(keep_alive);
  out += "\r\n";
  if (!head_only) out += reply.body;
  return out;
}

std::string StreamHeader(bool keep_alive, bool chunked,
                         const std::vector<std::pair<std::string, std::string>>& headers) {
  std::string out = StatusLine(200);
  out += "Content-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n";
  if (chunked) out += "Transfer-Encoding: chunked\r\n";
  for (const auto& [name, value] : headers) out += name + ": " + value + "\r\n";
  out += ConnectionHeader(keep_alive && chunked);
  out += "\r\n";
  return out;
}

std::string EncodeChunk(std::string_view data) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), data.size(), 16).ptr;
  std::string out(digits.data(), end);
  out += "\r\n";
  out += data;
  out += "\r\n";
  return out;
}

}  // namespace vivace::server
