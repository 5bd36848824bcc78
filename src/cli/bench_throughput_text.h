// The results of `bench throughput` as text and JSON. Free functions on values.
#pragma once

#include <cstdint>
#include <string>

namespace vivace::cli {

struct Throughput {
  std::int64_t requests = 0, prompt_tokens = 0, output_tokens = 0;
  double seconds = 0;
};

/// "Throughput: 1.96 requests/s, 376.39 total tokens/s, 125.46 output tokens/s" and the tokens of both kinds.
std::string ThroughputText(const Throughput& result);
/// elapsed_time, num_requests, total_num_tokens, requests_per_second, tokens_per_second.
std::string ThroughputJson(const Throughput& result);

}  // namespace vivace::cli
