// The line that tells every few seconds of traffic what an engine is doing. Pure function.
#pragma once

#include <string>

#include "vivace/engine.h"

namespace vivace::engine {

/// In vLLM's words, from two snapshots that are `seconds` apart: "Engine 000: Avg prompt throughput: 354.8
/// tokens/s, ...". The hit rate is of the time between, or since the start where nothing was looked up.
std::string StatisticsLine(const EngineStats& before, const EngineStats& now, double seconds);

}  // namespace vivace::engine
