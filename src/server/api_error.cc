#include "server/api_error.h"

#include "base/json_text.h"

namespace vivace::server {
namespace {

void AppendNullable(std::string_view text, std::string& out) {
  if (text.empty()) {
    out += "null";
  } else {
    base::AppendJsonString(text, out);
  }
}

}  // namespace

ApiError FieldError(std::string_view field, std::string message, std::string_view code) {
  return {.status = 400,
          .message = std::move(message),
          .type = "invalid_request_error",
          .param = std::string(field),
          .code = std::string(code)};
}

ApiError FromStatus(const Status& status) {
  const auto with = [&](int http_status, std::string_view type, std::string_view code) {
    return ApiError{.status = http_status,
                    .message = status.message(),
                    .type = std::string(type),
                    .param = "",
                    .code = std::string(code)};
  };
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kUnsupported:
    case StatusCode::kDataLoss:
      return with(400, "invalid_request_error", "invalid_value");
    case StatusCode::kNotFound:
      return with(404, "invalid_request_error", "not_found");
    case StatusCode::kResourceExhausted:
      return with(429, "rate_limit_error", "server_overloaded");
    case StatusCode::kUnavailable:
      return with(503, "server_error", "unavailable");
    case StatusCode::kCancelled:
      return with(503, "server_error", "cancelled");
    case StatusCode::kOk:
    case StatusCode::kInternal:
      break;
  }
  return with(500, "server_error", "internal_error");
}

std::string ErrorBody(const ApiError& error) {
  std::string out = R"({"error":{"message":)";
  base::AppendJsonString(error.message, out);
  out += R"(,"type":)";
  base::AppendJsonString(error.type, out);
  out += R"(,"param":)";
  AppendNullable(error.param, out);
  out += R"(,"code":)";
  AppendNullable(error.code, out);
  out += "}}";
  return out;
}

HttpReply ErrorReply(const ApiError& error) {
  HttpReply reply{.status = error.status, .body = ErrorBody(error)};
  if (error.status == 429 || error.status == 503) reply.headers.emplace_back("Retry-After", "1");
  if (error.status == 500) reply.headers.emplace_back("x-should-retry", "false");
  return reply;
}

}  // namespace vivace::server
