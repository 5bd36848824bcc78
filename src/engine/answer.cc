#include "engine/answer.h"

#include <algorithm>
#include <utility>

namespace vivace::engine {
namespace {

TokenLogprob ToLogprob(const sampling::SampleResult& result) {
  TokenLogprob out{result.chosen.token, result.chosen.logprob, {}};
  out.top.reserve(result.top.size());
  for (const sampling::TokenScore& score : result.top) out.top.emplace_back(score.token, score.logprob);
  return out;
}

}  // namespace

Answer::Answer(const tokenizer::Tokenizer& tokenizer, const SamplingParams& params,
               std::span<const std::int32_t> end_tokens)
    : params_(params),
      end_tokens_(end_tokens),
      decoder_(tokenizer, params.skip_special_tokens),
      matcher_(params.stop) {}

bool Answer::Push(const sampling::SampleResult& sampled) {
  const std::int32_t token = sampled.chosen.token;
  ++generated_;
  piece_.token_ids.reserve(piece_.token_ids.size() + 1);  // so that a piece has both or none
  if (params_.logprobs >= 0) piece_.logprobs.push_back(ToLogprob(sampled));
  piece_.token_ids.push_back(token);
  if (IsStopToken(token)) {
    if (params_.include_stop_str_in_output) PushToken(token);
    if (piece_.finish_reason == FinishReason::kNone) EndText(FinishReason::kStop);
    return false;
  }
  PushToken(token);
  if (piece_.finish_reason == FinishReason::kNone && generated_ >= params_.max_tokens) {
    EndText(FinishReason::kLength);
  }
  return piece_.finish_reason == FinishReason::kNone;
}

void Answer::PushToken(std::int32_t token) {
  decoded_.clear();
  decoder_.Push(token, decoded_);
  PushText(decoded_);
}

void Answer::PushPromptLogprob(const sampling::SampleResult& scored) {
  piece_.prompt_logprobs.push_back(ToLogprob(scored));
}

void Answer::End(FinishReason reason, Status status, std::string_view error_code) {
  piece_.finish_reason = reason;
  piece_.status = std::move(status);
  piece_.error_code = error_code;
}

RequestOutput Answer::TakePiece() {
  return std::exchange(piece_, RequestOutput());
}

// The text that was held back comes out; a stop string may still complete in it.
void Answer::EndText(FinishReason reason) {
  decoded_.clear();
  decoder_.Flush(decoded_);
  PushText(decoded_);
  if (piece_.finish_reason != FinishReason::kNone) return;
  matcher_.Flush(piece_.text);
  piece_.finish_reason = reason;
}

// The first min_tokens tokens are not searched for stop strings.
void Answer::PushText(const std::string& text) {
  if (generated_ <= params_.min_tokens) {
    piece_.text += text;
    return;
  }
  const auto stop = matcher_.Push(text, piece_.text);
  if (!stop) return;
  piece_.finish_reason = FinishReason::kStop;
  piece_.stop_reason = params_.stop.at(*stop);
  if (params_.include_stop_str_in_output) piece_.text += piece_.stop_reason;
}

bool Answer::IsStopToken(std::int32_t token) {
  const auto& stops = params_.stop_token_ids;
  if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
    piece_.stop_token = token;
    return true;
  }
  return !params_.ignore_eos && std::find(end_tokens_.begin(), end_tokens_.end(), token) != end_tokens_.end();
}

}  // namespace vivace::engine
