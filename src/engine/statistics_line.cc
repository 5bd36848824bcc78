#include "engine/statistics_line.h"

#include <fmt/format.h>

namespace vivace::engine {
namespace {

double Percent(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? 100 * static_cast<double>(part) / static_cast<double>(whole) : 0;
}

}  // namespace

std::string StatisticsLine(const EngineStats& before, const EngineStats& now, double seconds) {
  const auto rate = [&](std::int64_t first, std::int64_t last) {
    return seconds > 0 ? static_cast<double>(last - first) / seconds : 0;
  };
  const std::int64_t queries = now.prefix_queries - before.prefix_queries;
  const double hits = queries > 0 ? Percent(now.prefix_hits - before.prefix_hits, queries)
                                  : Percent(now.prefix_hits, now.prefix_queries);
  return fmt::format(
      "Engine 000: Avg prompt throughput: {:.1f} tokens/s, Avg generation throughput: {:.1f} tokens/s, "
      "Running: {} reqs, Waiting: {} reqs, CPU KV cache usage: {:.1f}%, Prefix cache hit rate: {:.1f}%",
      rate(before.prompt_tokens, now.prompt_tokens), rate(before.generation_tokens, now.generation_tokens),
      now.running, now.waiting, Percent(now.blocks_used, now.blocks_total), hits);
}

}  // namespace vivace::engine
