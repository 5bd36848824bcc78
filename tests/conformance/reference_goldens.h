// The float32 reference of tests/goldens/smollm2_reference.json (made by gen_reference.py with transformers).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vivace::conformance {

struct ReferenceCase {
  std::string text;
  std::vector<std::int32_t> ids;                   // prompt
  std::vector<float> prompt_logprobs;              // [ids - 1] of prompt token i + 1
  std::vector<std::int32_t> greedy;                // [64]
  std::vector<float> margin;                       // [64] best minus second logit
  std::vector<std::vector<std::int32_t>> top_ids;  // [64][32]
  std::vector<std::vector<float>> top_logprobs;    // [64][32]

  /// Prompt and all greedy tokens but the last: what predicts each of them.
  std::vector<std::int32_t> Tokens() const;
  /// Position in Tokens() whose distribution greedy[i] is taken from.
  int PositionOf(int i) const { return static_cast<int>(ids.size()) - 1 + i; }
};

/// All cases; empty when the file cannot be read.
std::vector<ReferenceCase> ReadReference();

}  // namespace vivace::conformance
