// Fields that say how tokens are drawn and when an answer ends.
#include <array>
#include <boost/json/value.hpp>
#include <charconv>

#include "server/request_fields.h"

namespace vivace::server {
namespace json = boost::json;
namespace {

constexpr int kIntMax = std::numeric_limits<std::int32_t>::max();

void ReadMaxTokens(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  if (fields.Find(name) == nullptr) return;
  // Nothing generated is of use only with echo: the log-probabilities of a given text.
  bool echo = false;
  if (request.kind == ApiKind::kCompletion) fields.Flag("echo", echo);
  int value = 1;
  fields.Integer(name, echo ? 0 : 1, kIntMax, value);
  request.max_tokens = value;
}

void ReadSeed(const FieldContext& context) {
  if (context.fields.Find(context.name) == nullptr) return;
  std::int64_t seed = 0;
  context.fields.Integer(context.name, std::numeric_limits<std::int64_t>::min(),
                         std::numeric_limits<std::int64_t>::max(), seed);
  context.request.sampling.seed = seed;
}

void ReadChoices(const FieldContext& context) {
  context.fields.Integer(context.name, 1, context.rules.max_choices, context.request.n);
}

/// More candidates than answers are not drawn; equal numbers mean the same as leaving it out.
void ReadBestOf(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  if (fields.Find(name) == nullptr) return;
  int count = 1;
  fields.Integer(name, 1, rules.max_choices, count);
  if (count == request.n) return;
  fields.Fail(name,
              "best_of is " + std::to_string(count) + " and n is " + std::to_string(request.n) +
                  ": choosing the best of several answers is not supported by this server; leave it out",
              "unsupported_value");
}

void ReadPriority(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  std::int64_t priority = 0;
  fields.Integer(name, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
                 priority);
  if (priority == 0) return;
  fields.Fail(name,
              "priority is " + std::to_string(priority) +
                  ": requests are served in the order of their arrival; only 0 is supported",
              "unsupported_value");
}

void ReadStop(const FieldContext& context) {
  const auto most = static_cast<std::size_t>(context.rules.max_stop_strings);
  context.fields.Texts(context.name, {.count = most, .bytes = kMaxStopBytes, .one_string = true},
                       context.request.sampling.stop);
}

void ReadBadWords(const FieldContext& context) {
  context.fields.Texts(context.name, {.count = kMaxBadWords, .bytes = kMaxStopBytes},
                       context.request.bad_words);
}

void ReadStopTokenIds(const FieldContext& context) {
  context.fields.TokenIds(context.name, kMaxStopTokenIds, context.rules.vocabulary,
                          context.request.sampling.stop_token_ids);
}

void ReadAllowedTokenIds(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  if (fields.Find(name) == nullptr) return;
  auto& ids = request.sampling.allowed_token_ids;
  fields.TokenIds(name, static_cast<std::size_t>(rules.vocabulary), rules.vocabulary, ids);
  if (ids.empty()) fields.Fail(name, "allowed_token_ids is empty: no token could be drawn; leave it out");
}

/// {"token id": number}.
void ReadLogitBias(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  const json::value* value = fields.Find(name);
  if (value == nullptr) return;
  const auto* object = value->if_object();
  if (object == nullptr) {
    return fields.Fail(name,
                       "logit_bias must be an object from token ids to numbers, but is " + Shown(*value),
                       "invalid_type");
  }
  auto& biases = request.sampling.logit_bias;
  biases.clear();
  for (const auto& [key, bias] : *object) {
    std::int32_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    const bool whole = error == std::errc() && end == key.data() + key.size();
    if (!whole || id < 0 || id >= rules.vocabulary) {
      return fields.Fail(name, "logit_bias holds the key " + Shown(json::string(key)) +
                                   ", but keys are token ids from 0 to " +
                                   std::to_string(rules.vocabulary - 1));
    }
    boost::system::error_code wrong;
    const double number = bias.is_number() ? bias.to_number<double>(wrong) : kMaxLogitBias + 1;
    if (wrong || !(number >= -kMaxLogitBias && number <= kMaxLogitBias)) {
      return fields.Fail(name, "logit_bias of token " + std::to_string(id) +
                                   " must be a number from -100 to 100, but is " + Shown(bias));
    }
    biases.emplace_back(id, static_cast<float>(number));
  }
}

// clang-format off: a table
constexpr std::array kRows = {
    RequestField{.name = "max_tokens",
                 .endpoints = kInAnswers,
                 .target = &ReadMaxTokens,
                 .default_text = "completions 16; chat what is left of the context",
                 .help = "tokens of an answer at most; 0 only for completions with echo",
                 .minimum = 0,
                 .maximum = kIntMax,
                 .shape = FieldShape::kInteger},
    RequestField{.name = "max_completion_tokens",
                 .endpoints = kInChat,
                 .target = &ReadMaxTokens,
                 .default_text = "null",
                 .help = "the newer name of max_tokens; it wins",
                 .minimum = 1,
                 .maximum = kIntMax,
                 .shape = FieldShape::kInteger},
    RequestField{.name = "min_tokens",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::min_tokens,
                 .default_text = "0",
                 .help = "before so many tokens the answer does not end by itself",
                 .minimum = 0,
                 .maximum = kIntMax},
    RequestField{.name = "n",
                 .endpoints = kInAnswers,
                 .target = &ReadChoices,
                 .default_text = "1",
                 .help = "answers to each prompt, each with draws of its own",
                 .minimum = 1,
                 .maximum = kMaxChoices,
                 .shape = FieldShape::kChoices},
    RequestField{.name = "best_of",
                 .endpoints = kInAnswers,
                 .target = &ReadBestOf,
                 .default_text = "n",
                 .help = "must be equal to n: choosing among answers is not supported",
                 .minimum = 1,
                 .maximum = kMaxChoices,
                 .shape = FieldShape::kChoices},
    RequestField{.name = "temperature",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::temperature,
                 .default_text = "1",
                 .help = "0 takes the likeliest token; more is more varied",
                 .minimum = 0,
                 .maximum = 2},
    RequestField{.name = "top_p",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::top_p,
                 .default_text = "1",
                 .help = "draw from the likeliest tokens that together have this probability",
                 .minimum = 0,
                 .maximum = 1,
                 .open_minimum = true},
    RequestField{.name = "top_k",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::top_k,
                 .default_text = "0",
                 .help = "draw from so many likeliest tokens; 0 or -1: all",
                 .minimum = -1,
                 .maximum = kIntMax},
    RequestField{.name = "min_p",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::min_p,
                 .default_text = "0",
                 .help = "tokens below this part of the likeliest one's probability are out",
                 .minimum = 0,
                 .maximum = 1},
    RequestField{.name = "typical_p",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::typical_p,
                 .default_text = "1",
                 .help = "locally typical sampling; 1 is off",
                 .minimum = 0,
                 .maximum = 1,
                 .open_minimum = true},
    RequestField{.name = "repetition_penalty",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::repetition_penalty,
                 .default_text = "1",
                 .help = "above 1 makes tokens of the prompt and the answer less likely",
                 .minimum = 0,
                 .maximum = 100,
                 .open_minimum = true},
    RequestField{.name = "presence_penalty",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::presence_penalty,
                 .default_text = "0",
                 .help = "taken once from the logit of each token that the answer has",
                 .minimum = -2,
                 .maximum = 2},
    RequestField{.name = "frequency_penalty",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::frequency_penalty,
                 .default_text = "0",
                 .help = "taken from a token's logit for each time that the answer has it",
                 .minimum = -2,
                 .maximum = 2},
    RequestField{.name = "logit_bias",
                 .endpoints = kInAnswers,
                 .target = &ReadLogitBias,
                 .default_text = "{}",
                 .help = "added to the logits of these tokens",
                 .minimum = -kMaxLogitBias,
                 .maximum = kMaxLogitBias,
                 .shape = FieldShape::kBiases},
    RequestField{.name = "allowed_token_ids",
                 .endpoints = kInAnswers,
                 .target = &ReadAllowedTokenIds,
                 .default_text = "null",
                 .help = "only these tokens can be drawn",
                 .minimum = 1,
                 .shape = FieldShape::kTokenIds},
    RequestField{.name = "bad_words",
                 .endpoints = kInAnswers,
                 .target = &ReadBadWords,
                 .default_text = "[]",
                 .help = "texts that do not come; 1,024 tokens in all",
                 .maximum = kMaxBadWords,
                 .shape = FieldShape::kTexts},
    RequestField{.name = "seed",
                 .endpoints = kInAnswers,
                 .target = &ReadSeed,
                 .default_text = "null",
                 .help = "makes the draws repeatable, whatever else runs",
                 .shape = FieldShape::kInteger64},
    RequestField{.name = "stop",
                 .endpoints = kInAnswers,
                 .target = &ReadStop,
                 .default_text = "[]",
                 .help = "the answer ends before the first of these texts",
                 .maximum = kMaxStopStrings,
                 .shape = FieldShape::kStops},
    RequestField{.name = "stop_token_ids",
                 .endpoints = kInAnswers,
                 .target = &ReadStopTokenIds,
                 .default_text = "[]",
                 .help = "the answer ends at the first of these tokens",
                 .maximum = kMaxStopTokenIds,
                 .shape = FieldShape::kTokenIds},
    RequestField{.name = "include_stop_str_in_output",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::include_stop_str_in_output,
                 .default_text = "false",
                 .help = "the text keeps the stop string that ended it"},
    RequestField{.name = "ignore_eos",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::ignore_eos,
                 .default_text = "false",
                 .help = "do not end at the model's end token"},
    RequestField{.name = "priority",
                 .endpoints = kInAnswers,
                 .target = &ReadPriority,
                 .default_text = "0",
                 .help = "only 0: requests are served in the order of their arrival",
                 .shape = FieldShape::kInteger64},
};
// clang-format on

}  // namespace

std::span<const RequestField> SamplingFields() {
  return kRows;
}

}  // namespace vivace::server
