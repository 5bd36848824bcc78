#include "cli/serve_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/bench_statistics.h"

namespace vivace::cli {
namespace {

constexpr int kWidth = 50;

struct LatencyTitle {
  std::string_view key, shown, title;
};
constexpr LatencyTitle kTitles[] = {{"ttft", "TTFT", "Time to First Token"},
                                    {"tpot", "TPOT", "Time per Output Token (excl. 1st token)"},
                                    {"itl", "ITL", "Inter-token Latency"},
                                    {"e2el", "E2EL", "End-to-end Latency"}};

/// "99", "99.9".
std::string PercentText(double percent) {
  return fmt::format("{:g}", percent);
}

std::string Row(std::string_view name, std::int64_t value) {
  return fmt::format("{:<40} {:<10}\n", name, value);
}
std::string Row(std::string_view name, double value) {
  return fmt::format("{:<40} {:<10.2f}\n", name, value);
}

/// The latencies of one answer by key; what it has none of is left out.
std::map<std::string, double> Single(const ServeAnswer& answer) {
  std::map<std::string, double> out;
  const double all = answer.end_s - answer.start_s;
  out["e2el"] = all * 1e3;
  if (answer.piece_s.empty()) return out;
  const double first = answer.piece_s.front() - answer.start_s;
  out["ttft"] = first * 1e3;
  if (answer.output_tokens > 1) out["tpot"] = (all - first) / (answer.output_tokens - 1) * 1e3;
  return out;
}

void AddPeaks(const ServeRun& run, ServeMetrics& metrics) {
  const auto seconds = static_cast<std::size_t>(run.seconds) + 2;
  std::vector<double> tokens(seconds);
  std::vector<int> running(seconds);
  for (const ServeAnswer& answer : run.answers) {
    if (!answer.ok) continue;
    // The tokens of a piece: the answer's, spread evenly.
    const double each = answer.piece_s.empty() ? 0
                                               : static_cast<double>(answer.output_tokens) /
                                                     static_cast<double>(answer.piece_s.size());
    for (const double at : answer.piece_s)
      tokens[std::min(static_cast<std::size_t>(at), seconds - 1)] += each;
    for (auto s = static_cast<std::size_t>(answer.start_s);
         s < seconds && static_cast<double>(s) <= answer.end_s; ++s)
      ++running[s];
  }
  metrics.peak_output_tokens_per_s = *std::max_element(tokens.begin(), tokens.end());
  metrics.peak_concurrent = *std::max_element(running.begin(), running.end());
}

double PerSecond(double count, double seconds) {
  return seconds > 0 ? count / seconds : 0;
}

}  // namespace

ServeMetrics Summarise(const ServeRun& run, const std::map<std::string, double>& goals_ms) {
  ServeMetrics metrics;
  metrics.seconds = run.seconds;
  for (const LatencyTitle& title : kTitles) metrics.latencies.push_back({std::string(title.key), {}});
  int good = 0;
  for (const ServeAnswer& answer : run.answers) {
    ++(answer.ok ? metrics.completed : metrics.failed);
    if (!answer.ok) continue;
    metrics.input_tokens += answer.prompt_tokens;
    metrics.output_tokens += answer.output_tokens;
    const auto single = Single(answer);
    for (ServeLatency& latency : metrics.latencies) {
      if (const auto found = single.find(latency.key); found != single.end())
        latency.samples_ms.push_back(found->second);
      if (latency.key != "itl") continue;
      for (std::size_t i = 1; i < answer.piece_s.size(); ++i)
        latency.samples_ms.push_back((answer.piece_s[i] - answer.piece_s[i - 1]) * 1e3);
    }
    good += std::all_of(goals_ms.begin(), goals_ms.end(), [&](const auto& goal) {
      const auto found = single.find(goal.first);
      return found == single.end() || found->second <= goal.second;
    });
  }
  if (!goals_ms.empty()) metrics.good_requests_per_s = PerSecond(good, run.seconds);
  AddPeaks(run, metrics);
  return metrics;
}

std::string ServeText(const ServeMetrics& metrics, const ServeReportOptions& options) {
  std::string out = fmt::format("{:=^{}}\n", " Serving Benchmark Result ", kWidth);
  const auto total = metrics.input_tokens + metrics.output_tokens;
  out += Row("Successful requests:", std::int64_t{metrics.completed});
  out += Row("Failed requests:", std::int64_t{metrics.failed});
  if (options.max_concurrency > 0)
    out += Row("Maximum request concurrency:", std::int64_t{options.max_concurrency});
  if (options.request_rate) out += Row("Request rate configured (RPS):", *options.request_rate);
  out += Row("Benchmark duration (s):", metrics.seconds);
  out += Row("Total input tokens:", metrics.input_tokens);
  out += Row("Total generated tokens:", metrics.output_tokens);
  out += Row("Request throughput (req/s):", PerSecond(metrics.completed, metrics.seconds));
  if (metrics.good_requests_per_s) out += Row("Request goodput (req/s):", *metrics.good_requests_per_s);
  out += Row("Output token throughput (tok/s):",
             PerSecond(static_cast<double>(metrics.output_tokens), metrics.seconds));
  out += Row("Peak output token throughput (tok/s):", metrics.peak_output_tokens_per_s);
  out += Row("Peak concurrent requests:", static_cast<double>(metrics.peak_concurrent));
  out += Row("Total token throughput (tok/s):", PerSecond(static_cast<double>(total), metrics.seconds));
  for (const LatencyTitle& title : kTitles) {
    if (std::find(options.shown.begin(), options.shown.end(), title.key) == options.shown.end()) continue;
    out += fmt::format("{:-^{}}\n", title.title, kWidth);
    for (const ServeLatency& latency : metrics.latencies) {
      if (latency.key != title.key) continue;
      out += Row(fmt::format("Mean {} (ms):", title.shown), Mean(latency.samples_ms));
      out += Row(fmt::format("Median {} (ms):", title.shown), Median(latency.samples_ms));
      for (const double percent : options.percentiles)
        out += Row(fmt::format("P{} {} (ms):", PercentText(percent), title.shown),
                   Percentile(latency.samples_ms, percent));
    }
  }
  return out + std::string(kWidth, '=') + "\n";
}

std::vector<std::pair<std::string, double>> ServeFigures(const ServeMetrics& metrics,
                                                         const ServeReportOptions& options) {
  const auto input = static_cast<double>(metrics.input_tokens);
  const auto output = static_cast<double>(metrics.output_tokens);
  std::vector<std::pair<std::string, double>> out = {
      {"duration", metrics.seconds},
      {"completed", metrics.completed},
      {"failed", metrics.failed},
      {"total_input_tokens", input},
      {"total_output_tokens", output},
      {"request_throughput", PerSecond(metrics.completed, metrics.seconds)},
      {"output_throughput", PerSecond(output, metrics.seconds)},
      {"total_token_throughput", PerSecond(input + output, metrics.seconds)},
      {"max_output_tokens_per_s", metrics.peak_output_tokens_per_s},
      {"max_concurrent_requests", metrics.peak_concurrent}};
  if (metrics.good_requests_per_s) out.emplace_back("request_goodput", *metrics.good_requests_per_s);
  for (const ServeLatency& latency : metrics.latencies) {
    if (std::find(options.shown.begin(), options.shown.end(), latency.key) == options.shown.end()) continue;
    out.emplace_back("mean_" + latency.key + "_ms", Mean(latency.samples_ms));
    out.emplace_back("median_" + latency.key + "_ms", Median(latency.samples_ms));
    out.emplace_back("std_" + latency.key + "_ms", StandardDeviation(latency.samples_ms));
    for (const double percent : options.percentiles)
      out.emplace_back("p" + PercentText(percent) + "_" + latency.key + "_ms",
                       Percentile(latency.samples_ms, percent));
  }
  return out;
}

}  // namespace vivace::cli
