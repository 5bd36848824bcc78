#include "server/router.h"

#include <array>

namespace vivace::server {
namespace {

struct RouteRow {
  std::string_view method;
  std::string_view path;  // a final / takes the rest of the target as the argument
  Endpoint endpoint;
};

constexpr std::array kRoutes = {
    RouteRow{"POST", "/v1/completions", Endpoint::kCompletions},
    RouteRow{"POST", "/v1/chat/completions", Endpoint::kChatCompletions},
    RouteRow{"GET", "/v1/models", Endpoint::kModels},
    RouteRow{"GET", "/v1/models/", Endpoint::kModel},
    RouteRow{"GET", "/health", Endpoint::kHealth},
    RouteRow{"GET", "/ping", Endpoint::kPing},
    RouteRow{"POST", "/ping", Endpoint::kPing},
    RouteRow{"GET", "/version", Endpoint::kVersion},
    RouteRow{"GET", "/metrics", Endpoint::kMetrics},
};

constexpr std::size_t kShownBytes = 80;

bool Matches(const RouteRow& row, std::string_view path) {
  if (row.path.ends_with('/')) return path.size() > row.path.size() && path.starts_with(row.path);
  return path == row.path;
}

}  // namespace

Route FindRoute(std::string_view method, std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  std::string allowed;
  for (const RouteRow& row : kRoutes) {
    if (!Matches(row, path)) continue;
    if (row.method == method) {
      const bool has_argument = row.path.ends_with('/');
      return {.endpoint = row.endpoint,
              .path = row.path,
              .argument = has_argument ? std::string(path.substr(row.path.size())) : std::string(),
              .error = {}};
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(row.method);
  }
  Route route;
  const std::string shown(path.substr(0, kShownBytes));
  if (allowed.empty()) {
    route.error =
        ErrorReply({.status = 404, .message = "there is no " + shown + " here", .code = "not_found"});
  } else {
    route.error = ErrorReply(
        {.status = 405,
         .message = std::string(method.substr(0, 20)) + " is not allowed for " + shown + "; use " + allowed,
         .code = "method_not_allowed"});
    route.error.headers.emplace_back("Allow", allowed);
  }
  return route;
}

}  // namespace vivace::server
