// Runs requests on an engine to their ends and says how long it took. Free functions; called from one
// thread, while the engine's thread reports.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "vivace/engine.h"

namespace vivace::cli {

struct BenchRequest {
  std::vector<std::int32_t> prompt;
  int output_tokens = 1;  // exactly so many: end tokens do not end it
};

struct BenchRun {
  double seconds = 0;  // from the first Submit to the last piece of the last answer
  std::int64_t prompt_tokens = 0, output_tokens = 0;
  std::vector<RequestTiming> timings;  // in the order of the requests; of the first answer to each
};

/// Submits all of them at once, `answers` times each, and waits for the ends. `sampling` says the rest.
/// `on_finish` (may be empty) is called on the calling thread with the number of requests that ended since.
/// Errors: what Submit refuses, and what ends a request early.
Result<BenchRun> RunToEnd(Engine& engine, std::span<const BenchRequest> requests,
                          const SamplingParams& sampling, int answers,
                          const std::function<void(int)>& on_finish);

/// `length` tokens of the model's vocabulary, made up from `seed`.
std::vector<std::int32_t> RandomTokens(const ModelInfo& model, int length, std::uint64_t seed);

/// What benchmarks sample with: temperature 1 as the API's default, exact lengths.
SamplingParams BenchSampling();

}  // namespace vivace::cli
