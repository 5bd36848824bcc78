// The ranges of sampling parameters, as the OpenAI API and vLLM have them.
#include <fmt/format.h>

#include <cmath>

#include "base/status_macros.h"
#include "sampling/sampler.h"

namespace vivace::sampling {
namespace {

constexpr std::size_t kMaxStopStrings = 64;
constexpr std::size_t kMaxBadWords = 256;  // 128 words, each with and without a space in front
constexpr std::size_t kMaxBadWordTokens = 2048;
constexpr int kMaxLogprobs = 20;

template <class T>
Status OutOfRange(std::string_view field, T value, std::string_view range) {
  return InvalidArgument(fmt::format("{} is {}; it must be {}", field, value, range));
}

// NaN is outside of every range.
Status CheckBetween(std::string_view field, double value, double least, double most) {
  if (value >= least && value <= most) return Status::Ok();
  return OutOfRange(field, value, fmt::format("between {} and {}", least, most));
}

Status CheckShare(std::string_view field, double value) {
  if (value > 0 && value <= 1) return Status::Ok();
  return OutOfRange(field, value, "above 0 and at most 1");
}

Status CheckLogprobs(std::string_view field, int value) {
  if (value >= -1 && value <= kMaxLogprobs) return Status::Ok();
  return OutOfRange(field, value, "between 0 and 20, or left out");
}

Status CheckToken(std::string_view field, std::size_t index, std::int32_t id, std::int32_t vocabulary) {
  if (id >= 0 && id < vocabulary) return Status::Ok();
  return OutOfRange(fmt::format("{}[{}]", field, index), id, fmt::format("between 0 and {}", vocabulary - 1));
}

Status CheckTokens(std::string_view field, std::span<const std::int32_t> ids, std::int32_t vocabulary) {
  if (ids.size() > static_cast<std::size_t>(vocabulary)) {
    return InvalidArgument(
        fmt::format("{} has {} tokens; it may have at most {}", field, ids.size(), vocabulary));
  }
  for (std::size_t i = 0; i < ids.size(); ++i)
    VIVACE_RETURN_IF_ERROR(CheckToken(field, i, ids[i], vocabulary));
  return Status::Ok();
}

Status CheckStop(const SamplingParams& params) {
  if (params.stop.size() > kMaxStopStrings) {
    return InvalidArgument(
        fmt::format("stop has {} strings; it may have at most {}", params.stop.size(), kMaxStopStrings));
  }
  for (std::size_t i = 0; i < params.stop.size(); ++i) {
    if (params.stop[i].empty()) return InvalidArgument(fmt::format("stop[{}] is empty; leave it out", i));
  }
  return Status::Ok();
}

Status CheckBias(const SamplingParams& params, std::int32_t vocabulary) {
  if (params.logit_bias.size() > static_cast<std::size_t>(vocabulary)) {
    return InvalidArgument(fmt::format("logit_bias has {} entries; it may have at most {}",
                                       params.logit_bias.size(), vocabulary));
  }
  for (std::size_t i = 0; i < params.logit_bias.size(); ++i) {
    const auto& [token, bias] = params.logit_bias[i];
    if (token < 0 || token >= vocabulary) {
      return OutOfRange("a token of logit_bias", token, fmt::format("between 0 and {}", vocabulary - 1));
    }
    if (!std::isfinite(bias)) {
      return OutOfRange(fmt::format("logit_bias of token {}", token), bias, "a number from -100 to 100");
    }
  }
  return Status::Ok();
}

Status CheckBadWords(const SamplingParams& params, std::int32_t vocabulary) {
  if (params.bad_words.size() > kMaxBadWords) {
    return InvalidArgument(fmt::format("bad_words has {} token sequences; it may have at most {}",
                                       params.bad_words.size(), kMaxBadWords));
  }
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < params.bad_words.size(); ++i) {
    if (params.bad_words[i].empty())
      return InvalidArgument(fmt::format("bad_words[{}] is empty; leave it out", i));
    VIVACE_RETURN_IF_ERROR(CheckTokens(fmt::format("bad_words[{}]", i), params.bad_words[i], vocabulary));
    tokens += params.bad_words[i].size();
  }
  if (tokens <= kMaxBadWordTokens) return Status::Ok();
  return InvalidArgument(
      fmt::format("bad_words has {} tokens; it may have at most {}", tokens, kMaxBadWordTokens));
}

Status CheckNumbers(const SamplingParams& params) {
  VIVACE_RETURN_IF_ERROR(CheckBetween("temperature", params.temperature, 0, 2));
  VIVACE_RETURN_IF_ERROR(CheckShare("top_p", params.top_p));
  if (params.top_k < -1) return OutOfRange("top_k", params.top_k, "at least 1, or 0 or -1 for all tokens");
  VIVACE_RETURN_IF_ERROR(CheckBetween("min_p", params.min_p, 0, 1));
  VIVACE_RETURN_IF_ERROR(CheckShare("typical_p", params.typical_p));
  if (!(params.repetition_penalty > 0 && std::isfinite(params.repetition_penalty)))
    return OutOfRange("repetition_penalty", params.repetition_penalty, "a finite number above 0");
  VIVACE_RETURN_IF_ERROR(CheckBetween("presence_penalty", params.presence_penalty, -2, 2));
  return CheckBetween("frequency_penalty", params.frequency_penalty, -2, 2);
}

}  // namespace

Status Validate(const SamplingParams& params, std::int32_t vocabulary) {
  VIVACE_RETURN_IF_ERROR(CheckNumbers(params));
  if (params.max_tokens < 1) return OutOfRange("max_tokens", params.max_tokens, "at least 1");
  if (params.min_tokens < 0 || params.min_tokens > params.max_tokens) {
    return OutOfRange("min_tokens", params.min_tokens,
                      fmt::format("between 0 and max_tokens, which is {}", params.max_tokens));
  }
  VIVACE_RETURN_IF_ERROR(CheckLogprobs("logprobs", params.logprobs));
  VIVACE_RETURN_IF_ERROR(CheckLogprobs("prompt_logprobs", params.prompt_logprobs));
  VIVACE_RETURN_IF_ERROR(CheckStop(params));
  VIVACE_RETURN_IF_ERROR(CheckTokens("stop_token_ids", params.stop_token_ids, vocabulary));
  VIVACE_RETURN_IF_ERROR(CheckTokens("allowed_token_ids", params.allowed_token_ids, vocabulary));
  VIVACE_RETURN_IF_ERROR(CheckBias(params, vocabulary));
  return CheckBadWords(params, vocabulary);
}

}  // namespace vivace::sampling
