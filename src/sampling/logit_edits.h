// What one request changes in the logits before it draws: biases, tokens that cannot be drawn, penalties for
// tokens that were seen. Knows the request's own tokens only, so it is the same in any batch and after a
// preemption. A step costs as much as there are seen, biased and banned tokens, not a pass over the
// vocabulary (but for allowed_token_ids). One object per request, one thread.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vivace/sampling_params.h"

namespace vivace::sampling {

/// The logit of a token that cannot be drawn: below every other that Apply leaves.
inline constexpr float kBannedLogit = std::numeric_limits<float>::lowest();

class LogitEdits {
 public:
  /// `params` must be valid and outlive this. `end_tokens` are the model's, for min_tokens.
  LogitEdits(const SamplingParams& params, std::span<const std::int32_t> prompt,
             std::span<const std::int32_t> end_tokens);

  /// The answer has this token next.
  void Push(std::int32_t token);
  /// Whether Apply would change anything at this place of the answer.
  bool active() const;
  /// Changes logits [vocabulary], all finite, in vLLM's order: allowed_token_ids, bad_words, min_tokens,
  /// logit_bias, repetition penalty (prompt and answer), frequency and presence penalties (answer). Ids at or
  /// above the size are passed over. `raw` are the same logits, unchanged. All stay finite.
  void Apply(std::span<const float> raw, std::span<float> logits) const;

 private:
  struct Seen {
    std::int32_t token;
    std::int32_t count;  // in the answer
  };
  void See(std::int32_t token, std::int32_t count);
  void BanBadWords(std::span<float> logits) const;
  void Penalise(std::span<float> logits) const;

  const SamplingParams& params_;
  bool penalises_ = false;
  std::vector<std::pair<std::int32_t, float>> biases_;      // by token, each once, within +-100
  std::vector<std::int32_t> ends_;                          // banned before min_tokens
  std::vector<Seen> seen_;                                  // each token once
  std::unordered_map<std::int32_t, std::size_t> index_of_;  // in seen_
  std::vector<std::int32_t> answer_;                        // for bad_words
  int generated_ = 0;
};

}  // namespace vivace::sampling
