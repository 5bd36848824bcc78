// How one request samples. Plain values with the defaults of the OpenAI API and vLLM.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vivace {

struct SamplingParams {
  double temperature = 1.0;  // 0: greedy
  double top_p = 1.0;        // (0, 1]
  int top_k = 0;             // 0 or -1: all
  double min_p = 0.0;        // [0, 1]: tokens below this part of the likeliest token's probability are out
  double typical_p = 1.0;    // (0, 1]: locally typical sampling (Meister et al. 2022); 1: off
  double repetition_penalty =
      1.0;  // > 0; logits of tokens in prompt or answer are divided (multiplied when negative)
  double presence_penalty = 0.0;   // [-2, 2]; subtracted once for each token that the answer has
  double frequency_penalty = 0.0;  // [-2, 2]; subtracted for each time that the answer has the token
  std::vector<std::pair<std::int32_t, float>> logit_bias;  // token, added to its logit
  std::vector<std::int32_t> allowed_token_ids;             // not empty: only these can be drawn
  std::vector<std::vector<std::int32_t>>
      bad_words;                     // token sequences whose last token is never drawn after the others
  std::optional<std::int64_t> seed;  // unset: drawn by the engine, so that a run cannot be repeated
  int max_tokens = 16;               // generated tokens at most; >= 1
  std::vector<std::string> stop;     // up to 16 strings, none empty; the text ends before the first one found
  std::vector<std::int32_t> stop_token_ids;
  bool ignore_eos = false;
  int min_tokens = 0;  // before so many generated tokens no end token and no stop token is drawn
  bool include_stop_str_in_output = false;  // the text keeps the stop string that ended it
  bool skip_special_tokens = true;          // the text leaves control tokens out
  int logprobs = -1;         // -1: none; k: log-probability of the token and of the k likeliest, 0..20
  int prompt_logprobs = -1;  // the same for each prompt token; such a request takes no prefix-cache hit
};

}  // namespace vivace
