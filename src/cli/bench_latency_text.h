// The results of `bench latency` as text and JSON. Free functions on values.
#pragma once

#include <span>
#include <string>

namespace vivace::cli {

/// "Avg latency: X seconds" and a line for each of the percentiles 10, 25, 50, 75, 90 and 99.
std::string LatencyText(std::span<const double> seconds);
/// avg_latency, latencies (all of them), percentiles (an object by percentage); seconds.
std::string LatencyJson(std::span<const double> seconds);

/// What every benchmark shows of a distribution.
inline constexpr int kShownPercentiles[] = {10, 25, 50, 75, 90, 99};
/// {"10": .., "25": .., ...}
std::string PercentilesJson(std::span<const double> samples);
/// [.., ..]
std::string NumbersJson(std::span<const double> numbers);

}  // namespace vivace::cli
