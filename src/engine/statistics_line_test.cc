#include "engine/statistics_line.h"

#include <gtest/gtest.h>

namespace vivace::engine {
namespace {

TEST(StatisticsLine, HasTheWordsOfVllm) {
  EngineStats before, now;
  before.prompt_tokens = 1000;
  now.prompt_tokens = 4548;
  before.generation_tokens = 10;
  now.generation_tokens = 1692;
  now.running = 32;
  now.waiting = 3;
  now.blocks_total = 1000;
  now.blocks_used = 88;
  before.prefix_queries = 100;
  before.prefix_hits = 100;
  now.prefix_queries = 500;
  now.prefix_hits = 200;
  EXPECT_EQ(StatisticsLine(before, now, 10),
            "Engine 000: Avg prompt throughput: 354.8 tokens/s, Avg generation throughput: 168.2 tokens/s, "
            "Running: 32 reqs, Waiting: 3 reqs, CPU KV cache usage: 8.8%, Prefix cache hit rate: 25.0%");
  EXPECT_NE(StatisticsLine(now, now, 10).find("hit rate: 40.0%"), std::string::npos)
      << "nothing was looked up: since the start";
  EXPECT_NE(StatisticsLine({}, {}, 0).find("throughput: 0.0 tokens/s"), std::string::npos);
}

}  // namespace
}  // namespace vivace::engine
