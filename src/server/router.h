// Which endpoint a method and a target name. One table; free functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/api_error.h"

namespace vivace::server {

enum class Endpoint { kCompletions, kChatCompletions, kModels, kModel, kHealth, kPing, kVersion, kMetrics };

struct Route {
  std::optional<Endpoint> endpoint;  // empty: see error
  std::string_view path;             // of the table's row
  std::string argument;              // the model's name for kModel
  HttpReply error;                   // 404 or 405
};

Route FindRoute(std::string_view method, std::string_view target);

}  // namespace vivace::server
