#include "cli/bench_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <random>

namespace vivace::cli {
namespace {

double PercentileOfSorted(std::span<const double> sorted, double percent) {
  if (sorted.empty()) return 0;
  const double place = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
}

}  // namespace

double Mean(std::span<const double> samples) {
  if (samples.empty()) return 0;
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

double StandardDeviation(std::span<const double> samples) {
  if (samples.empty()) return 0;
  const double mean = Mean(samples);
  double sum = 0;
  for (const double sample : samples) sum += (sample - mean) * (sample - mean);
  return std::sqrt(sum / static_cast<double>(samples.size()));
}

double Percentile(std::span<const double> samples, double percent) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  return PercentileOfSorted(sorted, percent);
}

Interval BootstrapMedian(std::span<const double> samples, int rounds) {
  if (samples.empty()) return {};
  std::minstd_rand random(1);
  std::vector<double> drawn(samples.size()), medians;
  for (int round = 0; round < rounds; ++round) {
    for (double& value : drawn) value = samples[random() % samples.size()];
    medians.push_back(Median(drawn));
  }
  std::sort(medians.begin(), medians.end());
  return {PercentileOfSorted(medians, 2.5), PercentileOfSorted(medians, 97.5)};
}

}  // namespace vivace::cli
