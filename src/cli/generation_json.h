// One prompt and its answer, as `generate --json` prints them. Values and free functions.
#pragma once

#include <string>
#include <vector>

#include "vivace/request.h"

namespace vivace::cli {

struct Generation {
  std::vector<std::int32_t> prompt;
  std::vector<std::int32_t> token_ids;
  std::string text;
  std::vector<TokenLogprob> logprobs, prompt_logprobs;
  FinishReason finish_reason = FinishReason::kNone;  // kNone: not complete
  std::string stop_reason;
  RequestTiming timing;
  Status status;

  void Add(RequestOutput output);
};

/// One object on one line: prompt_token_ids, token_ids, text, finish_reason, stop_reason, logprobs (one
/// {token, logprob, top: [[token, logprob], ...]} per token, or null), prompt_logprobs likewise (the first
/// prompt token has none: null), timing in seconds. Numbers read back to the same bits.
std::string GenerationJson(const Generation& generation);

}  // namespace vivace::cli
