// The log line of an arriving request, for --enable-log-requests. Free functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "server/openai_request.h"

namespace vivace::server {

/// One line at level info with the sampling; the prompt in a second one at level debug, cut after
/// max_characters (-1: never).
void LogRequest(const base::Log& log, std::string_view id, const ApiRequest& request, int max_characters);

/// "prompts=1, n=1, max_tokens=16, temperature=1, ...": what differs from the defaults is in it.
std::string DescribeRequest(const ApiRequest& request);

}  // namespace vivace::server
