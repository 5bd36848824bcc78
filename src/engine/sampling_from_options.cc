// The sampling options of a program as SamplingParams.
#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <limits>

#include "base/status_macros.h"
#include "vivace/engine.h"

namespace vivace {
namespace {

/// Calls `take` for each part of a text between separators; nothing for an empty text.
Status ForEachPart(std::string_view text, char separator,
                   const std::function<Status(std::string_view)>& take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    VIVACE_RETURN_IF_ERROR(take(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Status::Ok();
}

template <class Number>
bool ParseNumber(std::string_view text, Number& value) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Result<std::vector<std::int32_t>> TokenIds(const Options& options, std::string_view name) {
  std::vector<std::int32_t> ids;
  VIVACE_RETURN_IF_ERROR(ForEachPart(options.Text(name), ',', [&](std::string_view part) {
    std::int32_t id = 0;
    if (!ParseNumber(part, id)) {
      return InvalidArgument(
          fmt::format("--{} has '{}': it must be token ids, such as 2,13", name, part.substr(0, 100)));
    }
    ids.push_back(id);
    return Status::Ok();
  }));
  return ids;
}

Result<std::vector<std::pair<std::int32_t, float>>> LogitBias(const Options& options) {
  std::vector<std::pair<std::int32_t, float>> biases;
  VIVACE_RETURN_IF_ERROR(ForEachPart(options.Text("logit-bias"), ',', [&](std::string_view part) {
    const std::size_t colon = part.find(':');
    std::int32_t id = 0;
    float value = 0;
    if (colon == std::string_view::npos || !ParseNumber(part.substr(0, colon), id) ||
        !ParseNumber(part.substr(colon + 1), value)) {
      return InvalidArgument(
          fmt::format("--logit-bias has '{}': it must be ID:VALUE, such as 13:-100", part.substr(0, 100)));
    }
    biases.emplace_back(id, value);
    return Status::Ok();
  }));
  return biases;
}

/// Sets what somebody set; the rest keeps the engine's defaults.
class Setter {
 public:
  explicit Setter(const Options& options) : options_(options) {}

  void Number(std::string_view name, double& value) const {
    if (IsGiven(name)) value = options_.Number(name);
  }
  void Integer(std::string_view name, int& value) const {
    if (IsGiven(name)) value = static_cast<int>(options_.Integer(name));
  }
  void Flag(std::string_view name, bool& value) const {
    if (IsGiven(name)) value = options_.Flag(name);
  }
  bool IsGiven(std::string_view name) const {
    return options_.Origin(name) != OptionOrigin::kDefault && options_.IsSet(name);
  }

 private:
  const Options& options_;
};

}  // namespace

Result<SamplingParams> SamplingFromOptions(const Options& options, const Engine& engine) {
  SamplingParams params = engine.default_sampling();
  const Setter set(options);
  set.Number("temperature", params.temperature);
  set.Number("top-p", params.top_p);
  set.Integer("top-k", params.top_k);
  set.Number("min-p", params.min_p);
  set.Number("typical-p", params.typical_p);
  set.Number("repetition-penalty", params.repetition_penalty);
  set.Number("presence-penalty", params.presence_penalty);
  set.Number("frequency-penalty", params.frequency_penalty);
  params.max_tokens = engine.default_max_tokens().value_or(static_cast<int>(options.Integer("max-tokens")));
  set.Integer("max-tokens", params.max_tokens);
  set.Integer("min-tokens", params.min_tokens);
  set.Integer("logprobs", params.logprobs);
  set.Integer("prompt-logprobs", params.prompt_logprobs);
  set.Flag("ignore-eos", params.ignore_eos);
  set.Flag("include-stop-str-in-output", params.include_stop_str_in_output);
  set.Flag("skip-special-tokens", params.skip_special_tokens);
  if (options.IsSet("seed")) params.seed = options.Integer("seed");
  params.stop = options.List("stop");
  VIVACE_ASSIGN_OR_RETURN(params.logit_bias, LogitBias(options));
  VIVACE_ASSIGN_OR_RETURN(params.allowed_token_ids, TokenIds(options, "allowed-token-ids"));
  VIVACE_ASSIGN_OR_RETURN(params.stop_token_ids, TokenIds(options, "stop-token-ids"));
  VIVACE_ASSIGN_OR_RETURN(params.bad_words, engine.EncodeBadWords(options.List("bad-words")));
  return params;
}

}  // namespace vivace
