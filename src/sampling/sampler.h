// From logits to a token: greedy, temperature, min_p, top_k, top_p, typical_p, and log-probabilities of the
// raw distribution. A draw depends only on the logits, the parameters and (seed, choice index, position):
// never on the batch. Thread safety: one Sampler per thread (it holds scratch memory); after the first call
// of a vocabulary's size nothing is allocated but what a caller's SampleResult needs to grow once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampling/logit_edits.h"
#include "vivace/sampling_params.h"
#include "vivace/status.h"

namespace vivace::sampling {

struct LogitMaximum;
struct UnitMaxima;

/// Errors name the field, its value and its range.
Status Validate(const SamplingParams& params, std::int32_t vocabulary);

/// What the random numbers of one draw are keyed by.
struct DrawKey {
  std::uint64_t seed = 0;
  std::uint32_t choice_index = 0;
  std::uint64_t position = 0;  // of the token that is drawn, in the sequence
};

struct TokenScore {
  std::int32_t token = 0;
  float logprob = 0;  // natural logarithm, raw distribution (temperature 1, nothing cut)
  bool operator==(const TokenScore&) const = default;
};

struct SampleResult {
  TokenScore chosen;            // logprob is 0 when none was asked for
  std::vector<TokenScore> top;  // best first, ties to the lower id; empty for top_logprobs < 1
};

class Sampler {
 public:
  /// Ids at or above `tokens` are rows of a padded vocabulary without a token: never drawn, never listed.
  explicit Sampler(std::int32_t tokens = std::numeric_limits<std::int32_t>::max());

  /// Draws the next token from logits [vocabulary]. params must be valid; temperature 0 is greedy, one
  /// between 0 and 0.01 counts as 0.01. `edits` (null: none) are applied first; after the temperature come
  /// min_p, top_k, top_p and typical_p, each on what the one before left. Equal logits go to the lower id.
  /// params.logprobs >= 0 asks for the log-probability of the token and of the params.logprobs likeliest, in
  /// the distribution before edits and cuts. Errors: kInternal when there are no logits or one is not finite;
  /// kInvalidArgument when the edits leave no token. `maxima` (null: none) are those of the logits; with them
  /// a greedy draw without edits and log-probabilities reads no logit. They change no result.
  Status Sample(std::span<const float> logits, const SamplingParams& params, const DrawKey& key,
                SampleResult& result, const LogitEdits* edits = nullptr, const UnitMaxima* maxima = nullptr);

  /// What Sample draws from with a temperature above 0: each token that can come, with its log-probability
  /// after edits and cuts, best first. Errors as Sample.
  Status Distribution(std::span<const float> logits, const SamplingParams& params, const LogitEdits* edits,
                      std::vector<TokenScore>& tokens);
  /// The log-probability of `token` and of the top_count likeliest, without a draw: for prompt
  /// log-probabilities.
  Status Score(std::span<const float> logits, std::int32_t token, int top_count, SampleResult& result);

 private:
  struct Candidate {
    float logit;
    std::int32_t token;
    float distance = 0;  // of its surprise from the expected one
  };

  /// Checks the logits and applies the edits; maximum.value is that of the result.
  Status Edit(std::span<const float>& logits, LogitMaximum& maximum, const LogitEdits* edits);
  std::int32_t Draw(std::span<const float> logits, const LogitMaximum& maximum, const SamplingParams& params,
                    const DrawKey& key);
  /// Makes candidates_ what min_p, top_k, top_p and typical_p leave; false when that is all and candidates_
  /// says nothing.
  bool Cut(std::span<const float> logits, float maximum, float scale, const SamplingParams& params);
  void KeepAll(std::span<const float> logits);
  /// Makes candidates_ the tokens from `least` on, best first.
  void KeepFrom(std::span<const float> logits, double least);
  /// Makes candidates_ the `count` likeliest tokens, best first.
  void KeepTopK(std::span<const float> logits, std::size_t count);
  /// Makes candidates_ the fewest likeliest tokens that reach top_p, best first.
  void KeepTopP(std::span<const float> logits, float maximum, float scale, double top_p);
  /// Cuts candidates_, best first, after the first that reaches top_p of their own mass.
  void CutTopP(float scale, double top_p);
  void CutWhereReached(float maximum, float scale, double mass);
  /// Cuts candidates_ to the fewest whose surprise is nearest to the expected one and that reach typical_p.
  void CutTypical(float maximum, float scale, double typical_p);

  const std::size_t tokens_;
  std::vector<float> edited_;  // [vocabulary]
  std::vector<Candidate> candidates_;
  std::vector<float> weights_;         // [vocabulary] exp of the scaled logits
  std::vector<std::uint32_t> counts_;  // by bucket
  std::vector<double> masses_;         // by bucket
};

}  // namespace vivace::sampling
