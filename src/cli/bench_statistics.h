// Figures of benchmarks from their samples. Free functions on values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vivace::cli {

double Mean(std::span<const double> samples);
/// Of the population: divided by the count.
double StandardDeviation(std::span<const double> samples);
/// With linear interpolation between neighbours, as numpy does; `percent` from 0 to 100. 0 without samples.
double Percentile(std::span<const double> samples, double percent);
inline double Median(std::span<const double> samples) {
  return Percentile(samples, 50);
}

struct Interval {
  double low = 0, high = 0;
};
/// The middle 95 % of the medians of `rounds` resamples (Efron 1979); the same for the same samples.
Interval BootstrapMedian(std::span<const double> samples, int rounds = 2000);

}  // namespace vivace::cli
