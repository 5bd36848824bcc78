// Any bytes of one connection, in one piece and cut in small ones: the same requests.
#include <string>
#include <vector>

#include "expect.h"
#include "server/http_parser.h"

namespace {

using vivace::fuzz::Expect;
using vivace::server::HttpParser;
using vivace::server::HttpRequest;
using Progress = HttpParser::Progress;

std::string Describe(const HttpRequest& request) {
  return request.method + '\n' + request.target + '\n' + request.content_type + '\n' +
         request.content_encoding + '\n' + (request.keep_alive ? "keep\n" : "close\n") + request.body;
}

std::vector<std::string> Receive(std::string_view bytes, std::size_t step) {
  HttpParser parser(
      {.request_line_bytes = 256, .header_bytes = 1024, .header_count = 10, .body_bytes = 2048});
  std::vector<std::string> requests;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    parser.Append(bytes.substr(at, step));
    Progress progress = parser.Advance();
    while (progress == Progress::kComplete) {
      requests.push_back(Describe(parser.Take()));
      progress = parser.Advance();
    }
    if (progress != Progress::kError) continue;
    Expect(parser.error().status >= 400 && parser.error().status < 600, "a refusal is an error status");
    break;
  }
  return requests;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Refusals are not compared: a message that is not complete may be refused early or waited for.
  Expect(Receive(bytes, 1u + data[0] % 16u) == Receive(bytes, bytes.size()),
         "requests do not depend on how the bytes are cut");
  return 0;
}
