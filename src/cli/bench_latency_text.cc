#include "cli/bench_latency_text.h"

#include <fmt/format.h>

#include "base/json_text.h"
#include "cli/bench_statistics.h"
#include "cli/json_object.h"

namespace vivace::cli {

std::string NumbersJson(std::span<const double> numbers) {
  std::string out = "[";
  for (const double number : numbers) {
    if (out.size() > 1) out += ", ";
    base::AppendJsonNumber(number, out);
  }
  return out + "]";
}

std::string PercentilesJson(std::span<const double> samples) {
  JsonObject object;
  for (const int percent : kShownPercentiles)
    object.Add(std::to_string(percent), Percentile(samples, percent));
  return object.Take();
}

std::string LatencyText(std::span<const double> seconds) {
  std::string out = fmt::format("Avg latency: {} seconds\n", Mean(seconds));
  for (const int percent : kShownPercentiles)
    out += fmt::format("{}% percentile latency: {} seconds\n", percent, Percentile(seconds, percent));
  return out;
}

std::string LatencyJson(std::span<const double> seconds) {
  JsonObject object;
  object.Add("avg_latency", Mean(seconds));
  object.AddRaw("latencies", NumbersJson(seconds));
  object.AddRaw("percentiles", PercentilesJson(seconds));
  return object.Take();
}

}  // namespace vivace::cli
