// How one request samples. Plain values with the defaults of the OpenAI API and vLLM.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vivace {

struct SamplingParams {
  double temperature = 1.0;          // 0: greedy
  double top_p = 1.0;                // (0, 1]
  int top_k = 0;                     // 0 or -1: all
  std::optional<std::int64_t> seed;  // unset: drawn by the engine, so that a run cannot be repeated
  int max_tokens = 16;               // generated tokens at most; >= 1
  std::vector<std::string> stop;     // up to 16 strings, none empty; the text ends before the first one found
  std::vector<std::int32_t> stop_token_ids;
  bool ignore_eos = false;
  int logprobs = -1;         // -1: none; k: log-probability of the token and of the k likeliest, 0..20
  int prompt_logprobs = -1;  // the same for each prompt token; such a request takes no prefix-cache hit
};

}  // namespace vivace
