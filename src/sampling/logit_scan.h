// Passes over all logits of one position, four numbers at a time; the order of every sum is fixed, so the
// bits are too. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>

namespace vivace::sampling {

struct LogitMaximum {
  float value = 0;
  std::int32_t token = 0;   // the lowest id that has it
  bool all_finite = false;  // otherwise the rest means nothing
};

/// The largest logit. `logits` must not be empty.
LogitMaximum FindMaximum(std::span<const float> logits);

/// What a model may hand over with the logits, for each run of columns from 0 on: the largest logit, the
/// lowest column that has it, and a check that is zero when all logits are finite.
struct UnitMaxima {
  std::span<const float> maximum;
  std::span<const std::int32_t> column;
  std::span<const float> check;
};

/// The same without a look at the logits.
LogitMaximum FindMaximum(const UnitMaxima& units);

/// e to the power x for x <= 0; relative error below 3e-7; below -87 it is about 1e-38.
float ExpOfNegative(float x);

/// The sum over all logits of exp((logit - maximum) * scale).
double SumOfExp(std::span<const float> logits, float maximum, float scale);

/// out[i] = exp((logit[i] - maximum) * scale), as ExpOfNegative rounds it.
void ExpAll(std::span<const float> logits, float maximum, float scale, std::span<float> out);

}  // namespace vivace::sampling
