// Which pages of other origins a browser lets use the server: --allowed-origins and its companions. Headers
// as in the Fetch standard (CORS protocol). Free functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/http_message.h"

namespace vivace::server {

struct CorsRules {
  std::vector<std::string> origins;  // "https://a.example", or "*"; empty: no headers at all
  std::vector<std::string> methods = {"*"};
  std::vector<std::string> headers = {"*"};
  bool credentials = false;
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// What any answer to this request carries; nothing when it is of no other origin, or of one that is not
/// allowed.
HeaderList CorsHeaders(const CorsRules& rules, const HttpRequest& request);
/// The answer to a preflight, 200 or 400; nothing when the request is none.
std::optional<HttpReply> AnswerPreflight(const CorsRules& rules, const HttpRequest& request);

}  // namespace vivace::server
