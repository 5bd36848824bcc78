// What a run against a server comes to: the block that `bench serve` prints and its JSON. Plain data and free
// functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/serve_client.h"

namespace vivace::cli {

/// One kind of latency, milliseconds: "ttft" (to the first piece), "tpot" (per token after the first), "itl"
/// (between pieces), "e2el" (all).
struct ServeLatency {
  std::string key;
  std::vector<double> samples_ms;
};

struct ServeMetrics {
  int completed = 0, failed = 0;
  double seconds = 0;
  std::int64_t input_tokens = 0, output_tokens = 0;
  double peak_output_tokens_per_s = 0;  // within one second of the clock
  int peak_concurrent = 0;
  std::optional<double> good_requests_per_s;  // when goals were given
  std::vector<ServeLatency> latencies;        // ttft, tpot, itl, e2el
};

/// `goals_ms`: by key of a latency; a request is good when it meets all.
ServeMetrics Summarise(const ServeRun& run, const std::map<std::string, double>& goals_ms);

struct ServeReportOptions {
  std::vector<std::string> shown = {"ttft", "tpot", "itl"};  // keys of latencies
  std::vector<double> percentiles = {99};
  int max_concurrency = 0;             // 0: any
  std::optional<double> request_rate;  // unset: all at once
};

std::string ServeText(const ServeMetrics& metrics, const ServeReportOptions& options);
/// The figures of the result's JSON object, name and value.
std::vector<std::pair<std::string, double>> ServeFigures(const ServeMetrics& metrics,
                                                         const ServeReportOptions& options);

}  // namespace vivace::cli
