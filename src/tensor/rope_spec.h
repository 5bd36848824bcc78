// Which rotary table a kernel needs: row p has head_dim/2 cosines, then as many sines, of the angles
// p * theta^(-2i/dim) / factors[i], both multiplied by attention_factor. Plain data.
#pragma once

#include <vector>

namespace vivace::tensor {

struct RopeSpec {
  int dim = 0;  // even: head_dim
  float theta = 0;
  float attention_factor = 1;
  std::vector<float> factors;  // [dim/2]; empty: all 1
  bool operator==(const RopeSpec&) const = default;
};

}  // namespace vivace::tensor
