#include "cli/bench_throughput_text.h"

#include <fmt/format.h>

#include "cli/json_object.h"

namespace vivace::cli {
namespace {

double PerSecond(std::int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace

std::string ThroughputText(const Throughput& result) {
  return fmt::format(
      "Throughput: {:.2f} requests/s, {:.2f} total tokens/s, {:.2f} output tokens/s\n"
      "Total num prompt tokens:  {}\nTotal num output tokens:  {}\n",
      PerSecond(result.requests, result.seconds),
      PerSecond(result.prompt_tokens + result.output_tokens, result.seconds),
      PerSecond(result.output_tokens, result.seconds), result.prompt_tokens, result.output_tokens);
}

std::string ThroughputJson(const Throughput& result) {
  const std::int64_t tokens = result.prompt_tokens + result.output_tokens;
  JsonObject object;
  object.Add("elapsed_time", result.seconds);
  object.Add("num_requests", result.requests);
  object.Add("total_num_tokens", tokens);
  object.Add("requests_per_second", PerSecond(result.requests, result.seconds));
  object.Add("tokens_per_second", PerSecond(tokens, result.seconds));
  return object.Take();
}

}  // namespace vivace::cli
