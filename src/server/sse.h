// Framing of server-sent events as OpenAI clients read them. Free functions on plain text.
#pragma once

#include <string>
#include <string_view>

#include "server/api_error.h"

namespace vivace::server {

/// One event; `json` has no line ends.
std::string SseEvent(std::string_view json);
/// An error inside a stream that has begun; clients raise it.
std::string SseErrorEvent(const ApiError& error);
/// The end of a stream that is whole.
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";
/// A comment that keeps proxies from closing a silent stream.
inline constexpr std::string_view kSsePing = ": ping\n\n";

}  // namespace vivace::server
