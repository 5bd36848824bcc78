// What benchmarks compute from their samples and how they show it.
#include <gtest/gtest.h>

#include "cli/bench_latency_text.h"
#include "cli/bench_statistics.h"
#include "cli/bench_throughput_text.h"
#include "cli/command_table.h"
#include "cli/progress_bar.h"

namespace vivace::cli {
namespace {

TEST(BenchStatistics, PercentilesInterpolateBetweenNeighbours) {
  const double samples[] = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(Mean(samples), 2.5);
  EXPECT_DOUBLE_EQ(Median(samples), 2.5);
  EXPECT_DOUBLE_EQ(Percentile(samples, 25), 1.75);
  EXPECT_DOUBLE_EQ(Percentile(samples, 0), 1);
  EXPECT_DOUBLE_EQ(Percentile(samples, 100), 4);
  EXPECT_DOUBLE_EQ(StandardDeviation(samples) * StandardDeviation(samples), 1.25);
  EXPECT_EQ(Percentile({}, 50), 0);
}

TEST(BenchStatistics, TheIntervalOfTheMedianHoldsItAndShrinksWithSamples) {
  std::vector<double> few, many;
  for (int i = 0; i < 400; ++i) {
    const double sample = 1 + 0.01 * ((i * 37) % 11 - 5);
    if (i < 11) few.push_back(sample);
    many.push_back(sample);
  }
  const Interval wide = BootstrapMedian(few), narrow = BootstrapMedian(many);
  EXPECT_LT(wide.low, 1);
  EXPECT_GT(wide.high, 1);
  EXPECT_LT(narrow.high - narrow.low, (wide.high - wide.low) / 2);
  EXPECT_EQ(BootstrapMedian(few).low, wide.low) << "the same samples, the same interval";
}

TEST(ProgressLine, SaysHowFarAndHowLongStill) {
  EXPECT_EQ(ProgressLine("Warmup iterations", 4, 10, 2),
            "Warmup iterations:  40%|████      | 4/10 [00:02<00:03,  2.00it/s]");
  EXPECT_EQ(ProgressLine("x", 0, 10, 0), "x:   0%|          | 0/10 [00:00<?, ?it/s]");
  EXPECT_EQ(ProgressLine("x", 1, 16, 3700), "x:   6%|▋         | 1/16 [1:01:40<15:25:00, 3700.00s/it]");
}

TEST(BenchLatency, PrintsTheLinesAndKeysThatScriptsLookFor) {
  const double seconds[] = {0.5, 0.25};
  EXPECT_EQ(LatencyText(seconds),
            "Avg latency: 0.375 seconds\n10% percentile latency: 0.275 seconds\n"
            "25% percentile latency: 0.3125 seconds\n50% percentile latency: 0.375 seconds\n"
            "75% percentile latency: 0.4375 seconds\n90% percentile latency: 0.475 seconds\n"
            "99% percentile latency: 0.4975 seconds\n");
  EXPECT_EQ(
      LatencyJson(seconds),
      R"({"avg_latency":0.375,"latencies":[0.5, 0.25],"percentiles":{"10":0.275,"25":0.3125,"50":0.375,)"
      R"("75":0.4375,"90":0.475,"99":0.4975}})");
}

TEST(BenchThroughput, PrintsTheLineAndKeysThatScriptsLookFor) {
  const Throughput result{4, 40, 20, 8};
  EXPECT_EQ(ThroughputText(result),
            "Throughput: 0.50 requests/s, 7.50 total tokens/s, 2.50 output tokens/s\n"
            "Total num prompt tokens:  40\nTotal num output tokens:  20\n");
  EXPECT_EQ(ThroughputJson(result),
            R"({"elapsed_time":8,"num_requests":4,"total_num_tokens":60,"requests_per_second":0.5,)"
            R"("tokens_per_second":7.5})");
}

TEST(BenchHelp, ListsTheBenchmarksAndTheOptionsOfEach) {
  const auto all = HelpText(Command::kBench, "");
  ASSERT_TRUE(all.ok());
  EXPECT_NE(all->find("  latency "), std::string::npos);
  EXPECT_NE(all->find("  throughput "), std::string::npos);
  const auto one = HelpText(Command::kBenchLatency, "");
  ASSERT_TRUE(one.ok());
  EXPECT_NE(one->find("usage: vivace bench latency MODEL"), std::string::npos);
  EXPECT_NE(one->find("--num-iters-warmup"), std::string::npos);
  EXPECT_NE(one->find("--load-format"), std::string::npos);
  const auto overview = HelpText(Command::kHelp, "");
  EXPECT_EQ(overview->find("bench latency"), std::string::npos);
}

}  // namespace
}  // namespace vivace::cli
