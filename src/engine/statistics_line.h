// The lines that tell what an engine is doing: every few seconds of traffic, and for a request that comes in.
// Pure functions.
#pragma once

#include <optional>
#include <string>

#include "vivace/engine.h"

namespace vivace::engine {

/// In vLLM's words, from two snapshots that are `seconds` apart: "Engine 000: Avg prompt throughput: 354.8
/// tokens/s, ...". The hit rate is of the time between, or since the start where nothing was looked up.
std::string StatisticsLine(const EngineStats& before, const EngineStats& now, double seconds);

/// What was asked: "57 prompt tokens, temperature 0.7, ...". `prompt` is the text, of which max_bytes are
/// shown, escaped.
std::string DescribeRequest(const Request& request, const std::string& prompt, std::optional<int> max_bytes);

}  // namespace vivace::engine
