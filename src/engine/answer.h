// One answer as it grows: tokens to text, stop conditions, log-probabilities, and the pieces to deliver.
// Knows no scheduler and no model. Thread safety: one thread. The tokenizer must outlive it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sampling/sampler.h"
#include "tokenizer/streaming.h"
#include "tokenizer/tokenizer.h"
#include "vivace/request.h"

namespace vivace::engine {

class Answer {
 public:
  /// end_tokens: the model's own end tokens, which count unless params.ignore_eos.
  Answer(const tokenizer::Tokenizer& tokenizer, const SamplingParams& params,
         std::span<const std::int32_t> end_tokens);

  /// Takes the next token. False when the answer ends with it.
  bool Push(const sampling::SampleResult& sampled);
  void PushPromptLogprob(const sampling::SampleResult& scored);
  /// Ends the answer from outside: cancelled, or an error.
  void End(FinishReason reason, Status status = Status::Ok(), std::string_view error_code = {});
  std::string_view error_code() const { return piece_.error_code; }

  FinishReason finish_reason() const { return piece_.finish_reason; }
  int generated() const { return generated_; }
  /// What is new since the last call.
  RequestOutput TakePiece();

 private:
  void EndText(FinishReason reason);
  void PushText(const std::string& text);
  void PushToken(std::int32_t token);
  bool IsStopToken(std::int32_t token);

  const SamplingParams& params_;
  std::span<const std::int32_t> end_tokens_;
  tokenizer::StreamingDecoder decoder_;
  tokenizer::StopStringMatcher matcher_;
  std::string decoded_;  // scratch
  int generated_ = 0;
  RequestOutput piece_;
};

}  // namespace vivace::engine
