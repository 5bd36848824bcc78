// For tests: the float32 reference that tests/goldens/gen_reference.py made, and how far a model is from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reference/model_session.h"

namespace vivace::reference {

/// One prompt with what the reference says about it and about its greedy continuation.
struct GoldenCase {
  std::string text;
  std::vector<std::int32_t> ids;                   // prompt
  std::vector<std::int32_t> greedy;                // continuation
  std::vector<double> margin;                      // by greedy token: top 1 minus top 2
  std::vector<double> prompt_logprobs;             // of ids[1..]
  std::vector<std::vector<std::int32_t>> top_ids;  // by greedy token
  std::vector<std::vector<double>> top_logprobs;
};

/// Fails the test when the file cannot be read.
std::vector<GoldenCase> ReadGoldenCases();

struct Distance {
  double max_abs = 0;      // of log-probabilities: prompt tokens and top tokens of each greedy position
  int flips = 0;           // greedy positions with another likeliest token
  double flip_margin = 0;  // largest margin of the reference at a flip
  int positions = 0;
};

/// Scores prompt and continuation of each case, the reference's tokens given.
Distance Compare(ModelSession& session, const std::vector<GoldenCase>& cases);

}  // namespace vivace::reference
