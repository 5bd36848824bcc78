// The log lines of a request and its answer, for --enable-log-requests and --enable-log-outputs. Free
// functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "server/openai_request.h"
#include "server/openai_response.h"

namespace vivace::server {

/// One line at level info with the sampling; the prompt in a second one at level debug, cut after
/// max_characters (-1: never).
void LogRequest(const base::Log& log, std::string_view id, const ApiRequest& request, int max_characters);

/// One line at level info with the text of an answer, or a piece of it: `what` is "output" or "delta".
void LogText(const base::Log& log, std::string_view id, const ChoicePart& part, std::string_view what,
             std::string_view text, int max_characters);

/// "prompts=1, n=1, max_tokens=16, temperature=1, ...": what differs from the defaults is in it.
std::string DescribeRequest(const ApiRequest& request);

}  // namespace vivace::server
