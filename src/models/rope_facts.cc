#include "models/rope_facts.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace vivace::models {
namespace {

double Frequency(int pair, int head_dim, double theta) {
  return std::pow(theta, -2.0 * pair / head_dim);
}

/// The (fractional) pair that turns `turns` times within `positions`.
double PairOfTurns(double turns, int head_dim, double theta, double positions) {
  return head_dim * std::log(positions / (turns * 2 * std::numbers::pi)) / (2 * std::log(theta));
}

}  // namespace

std::vector<float> LinearFactors(int head_dim, double factor) {
  return std::vector<float>(static_cast<std::size_t>(head_dim) / 2, static_cast<float>(factor));
}

std::vector<float> Llama3Factors(int head_dim, double theta, const Llama3Scaling& scaling) {
  std::vector<float> factors;
  const double longest = scaling.original_positions / scaling.low_frequency;
  const double shortest = scaling.original_positions / scaling.high_frequency;
  for (int i = 0; i < head_dim / 2; ++i) {
    const double wavelength = 2 * std::numbers::pi / Frequency(i, head_dim, theta);
    double kept = 1;  // part of the frequency that is not stretched
    if (wavelength > longest) {
      kept = 0;
    } else if (wavelength >= shortest) {
      kept = (scaling.original_positions / wavelength - scaling.low_frequency) /
             (scaling.high_frequency - scaling.low_frequency);
    }
    factors.push_back(static_cast<float>(1 / ((1 - kept) / scaling.factor + kept)));
  }
  return factors;
}

std::vector<float> YarnFactors(int head_dim, double theta, const YarnScaling& scaling) {
  double low = PairOfTurns(scaling.beta_fast, head_dim, theta, scaling.original_positions);
  double high = PairOfTurns(scaling.beta_slow, head_dim, theta, scaling.original_positions);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, head_dim - 1.0);
  if (low == high) high += 0.001;
  std::vector<float> factors;
  for (int i = 0; i < head_dim / 2; ++i) {
    const double stretched = std::clamp((i - low) / (high - low), 0.0, 1.0);
    factors.push_back(static_cast<float>(1 / (stretched / scaling.factor + (1 - stretched))));
  }
  return factors;
}

double YarnAttentionFactor(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

}  // namespace vivace::models
