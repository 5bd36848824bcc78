// The ranges of sampling parameters, as the OpenAI API and vLLM have them.
#include <fmt/format.h>

#include "sampling/sampler.h"

namespace vivace::sampling {
namespace {

constexpr double kMaxTemperature = 2;
constexpr std::size_t kMaxStopStrings = 16;
constexpr int kMaxLogprobs = 20;

template <class T>
Status OutOfRange(const char* field, T value, const char* range) {
  return InvalidArgument(fmt::format("{} is {}; it must be {}", field, value, range));
}

Status ValidateLogprobs(const char* field, int value) {
  if (value < -1 || value > kMaxLogprobs) return OutOfRange(field, value, "between 0 and 20, or left out");
  return Status::Ok();
}

Status ValidateStop(const SamplingParams& params, std::int32_t vocabulary) {
  if (params.stop.size() > kMaxStopStrings) {
    return InvalidArgument(
        fmt::format("stop has {} strings; it may have at most {}", params.stop.size(), kMaxStopStrings));
  }
  for (std::size_t i = 0; i < params.stop.size(); ++i) {
    if (params.stop[i].empty()) return InvalidArgument(fmt::format("stop[{}] is empty; leave it out", i));
  }
  for (std::size_t i = 0; i < params.stop_token_ids.size(); ++i) {
    const std::int32_t id = params.stop_token_ids[i];
    if (id < 0 || id >= vocabulary) {
      return InvalidArgument(
          fmt::format("stop_token_ids[{}] is {}; it must be between 0 and {}", i, id, vocabulary - 1));
    }
  }
  return Status::Ok();
}

}  // namespace

Status Validate(const SamplingParams& params, std::int32_t vocabulary) {
  if (!(params.temperature >= 0 && params.temperature <= kMaxTemperature)) {
    return OutOfRange("temperature", params.temperature, "between 0 and 2");
  }
  if (!(params.top_p > 0 && params.top_p <= 1))
    return OutOfRange("top_p", params.top_p, "above 0 and at most 1");
  if (params.top_k < -1) return OutOfRange("top_k", params.top_k, "at least 1, or 0 or -1 for all tokens");
  if (params.max_tokens < 1) return OutOfRange("max_tokens", params.max_tokens, "at least 1");
  if (Status status = ValidateLogprobs("logprobs", params.logprobs); !status.ok()) return status;
  if (Status status = ValidateLogprobs("prompt_logprobs", params.prompt_logprobs); !status.ok())
    return status;
  return ValidateStop(params, vocabulary);
}

}  // namespace vivace::sampling
