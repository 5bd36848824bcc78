// The JSON of an OpenAI server, as a client reads it. Free functions on values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vivace/status.h"

namespace vivace::cli {

/// One event of a stream, or a whole answer.
struct ServeEvent {
  bool is_valid = false;  // JSON, and no error object
  std::string error;      // the server's message
  bool has_choice = false;
  std::string text;  // of a completion, or of a chat's delta
  std::optional<int> prompt_tokens, output_tokens;
};
ServeEvent ParseServeEvent(std::string_view json);

/// The id of the first model of /v1/models.
Result<std::string> FirstModel(std::string_view json);

/// `json` with the members of the object `more` over its own. kInvalidArgument when `more` is no object.
Result<std::string> MergeObjects(const std::string& json, const std::string& more);

}  // namespace vivace::cli
