#include "server/router.h"

#include <array>

namespace vivace::server {
namespace {

constexpr std::array kRoutes = {
    RouteRow{"POST", "/v1/completions", Endpoint::kCompletions, "goes on from prompts"},
    RouteRow{"POST", "/v1/chat/completions", Endpoint::kChatCompletions, "answers a conversation"},
    RouteRow{"POST", "/tokenize", Endpoint::kTokenize, "the tokens of a text or of a conversation"},
    RouteRow{"POST", "/detokenize", Endpoint::kDetokenize, "the text of tokens"},
    RouteRow{"GET", "/v1/models", Endpoint::kModels, "the served model under each of its names"},
    RouteRow{"GET", "/v1/models/", Endpoint::kModel, "one of them by its name"},
    RouteRow{"GET", "/health", Endpoint::kHealth, "200 when the model is loaded and requests are taken"},
    RouteRow{"GET", "/ping", Endpoint::kPing, "the same"},
    RouteRow{"POST", "/ping", Endpoint::kPing, "the same"},
    RouteRow{"GET", "/version", Endpoint::kVersion, "the version of Vivace"},
    RouteRow{"GET", "/load", Endpoint::kLoad, "requests under way"},
    RouteRow{"GET", "/metrics", Endpoint::kMetrics, "counters in the Prometheus text format"},
    RouteRow{"GET", "/openapi.json", Endpoint::kOpenApi, "this API as an OpenAPI 3.1 document"},
};

constexpr std::size_t kShownBytes = 80;

bool Matches(const RouteRow& row, std::string_view path) {
  if (row.path.ends_with('/')) return path.size() > row.path.size() && path.starts_with(row.path);
  return path == row.path;
}

std::string_view WithoutRoot(std::string_view path, std::string_view root) {
  if (root.empty() || !path.starts_with(root)) return path;
  const std::string_view rest = path.substr(root.size());
  return rest.starts_with('/') ? rest : path;
}

}  // namespace

std::span<const RouteRow> RouteTable() {
  return kRoutes;
}

Route FindRoute(std::string_view method, std::string_view target, std::string_view root) {
  const std::string_view path = WithoutRoot(target.substr(0, target.find('?')), root);
  std::string allowed;
  for (const RouteRow& row : kRoutes) {
    if (!Matches(row, path)) continue;
    if (row.method == method) {
      const bool has_argument = row.path.ends_with('/');
      return {.row = &row,
              .argument = has_argument ? std::string(path.substr(row.path.size())) : std::string()};
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
