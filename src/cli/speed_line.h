// How fast an answer came: the closing line of `vivace run`. Values and free functions.
#pragma once

#include <string>

#include "vivace/request.h"

namespace vivace::cli {

struct AnswerSpeed {
  int prompt_tokens = 0;
  int cached_tokens = 0;  // of the prompt, taken from the prefix cache
  int generated_tokens = 0;
  RequestTiming timing = {};

  void Add(const RequestOutput& output);
};

/// "[prompt: 24 tokens (8 cached), 350.0 tokens/s; answer: 100 tokens, 343.2 tokens/s; first token after 0.05
/// s]". Speeds that cannot be told (one token, no time) are left out.
std::string SpeedLine(const AnswerSpeed& speed);

}  // namespace vivace::cli
