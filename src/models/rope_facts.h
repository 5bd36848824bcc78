// Rotary frequencies of the known kinds of context extension, as factors per pair (model_config.h). Plain
// functions of their arguments.
#pragma once

#include <vector>

#include "models/model_config.h"

namespace vivace::models {

/// As "llama3" scaling: long wavelengths are stretched by `factor`, short ones not, those between smoothly.
struct Llama3Scaling {
  double factor = 1, low_frequency = 1, high_frequency = 4, original_positions = 8192;
};
/// As in the YaRN paper (arXiv 2309.00071): pairs between the dimensions that turn beta_slow and beta_fast
/// times within original_positions are interpolated by a ramp.
struct YarnScaling {
  double factor = 1, beta_fast = 32, beta_slow = 1, original_positions = 0;
  bool truncate = true;  // the ramp's ends to whole dimensions
};

std::vector<float> LinearFactors(int head_dim, double factor);
std::vector<float> Llama3Factors(int head_dim, double theta, const Llama3Scaling& scaling);
std::vector<float> YarnFactors(int head_dim, double theta, const YarnScaling& scaling);
/// What YaRN multiplies cosines and sines by: 0.1 * mscale * ln(factor) + 1.
double YarnAttentionFactor(double factor, double mscale);

}  // namespace vivace::models
