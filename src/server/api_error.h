// An error as OpenAI clients read it: the four keys of the error body, and the HTTP status.
#pragma once

#include <string>
#include <string_view>

#include "server/http_message.h"
#include "vivace/status.h"

namespace vivace::server {

struct ApiError {
  int status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::string param = {};  // the field at fault; empty is null
  std::string code = {};   // empty is null
};

/// The caller's mistake in one field of the request.
ApiError FieldError(std::string_view field, std::string message, std::string_view code = "invalid_value");
/// What the engine said, as HTTP sees it.
ApiError FromStatus(const Status& status);
/// {"error": {...}}, all four keys.
std::string ErrorBody(const ApiError& error);
/// The whole reply; 429 and 503 carry Retry-After, an error of ours tells clients not to try again.
HttpReply ErrorReply(const ApiError& error);

}  // namespace vivace::server
