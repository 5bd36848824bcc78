// Which endpoint a method and a target name. One table; free functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/api_error.h"

namespace vivace::server {

enum class Endpoint {
  kCompletions,
  kChatCompletions,
  kTokenize,
  kDetokenize,
  kModels,
  kModel,
  kHealth,
  kPing,
  kVersion,
  kLoad,
  kMetrics,
  kOpenApi
};

struct RouteRow {
  std::string_view method;
  std::string_view path;  // a final / takes the rest of the target as the argument
  Endpoint endpoint;
  std::string_view help;
};
std::span<const RouteRow> RouteTable();

struct Route {
  const RouteRow* row = nullptr;  // null: see error
  std::string argument = {};      // the model's name for kModel
  HttpReply error = {};           // 404 or 405
};

/// `root` is a prefix that a proxy may have left in the target; empty: none.
Route FindRoute(std::string_view method, std::string_view target, std::string_view root = {});

}  // namespace vivace::server
