// Fields that say what an answer shows, and those that are accepted without effect.
#include <array>
#include <boost/json/value.hpp>

#include "server/request_fields.h"

namespace vivace::server {
namespace json = boost::json;
namespace {

constexpr int kIntMax = std::numeric_limits<std::int32_t>::max();

/// A number for completions; true with top_logprobs for chat.
void ReadLogprobs(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  request.sampling.logprobs = -1;
  if (request.kind == ApiKind::kCompletion) {
    return fields.Integer(name, 0, rules.max_logprobs, request.sampling.logprobs);
  }
  bool wanted = false;
  fields.Flag("logprobs", wanted);
  int top = 0;
  fields.Integer("top_logprobs", 0, rules.max_logprobs, top);
  if (top > 0 && !wanted) {
    fields.Fail("top_logprobs", "top_logprobs is allowed only with \"logprobs\": true");
  }
  if (wanted) request.sampling.logprobs = top;
}

void ReadPromptLogprobs(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  if (fields.Find(name) == nullptr) return;
  fields.Integer(name, 0, rules.max_logprobs, request.prompt_logprobs);
  bool stream = false;
  fields.Flag("stream", stream);
  if (stream) fields.Fail(name, "prompt_logprobs is allowed only without \"stream\": true");
}

void ReadStreamOptions(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  request.include_usage = rules.include_usage;
  const json::value* options = fields.Find(name);
  if (options == nullptr) return;
  bool stream = false;
  fields.Flag("stream", stream);
  if (!stream) return fields.Fail(name, "stream_options is allowed only with \"stream\": true");
  const auto* object = options->if_object();
  if (object == nullptr) {
    return fields.Fail(name, "stream_options must be an object, but is " + Shown(*options), "invalid_type");
  }
  FieldReader inner(*object);
  bool usage = false;
  inner.Flag("include_usage", usage);
  inner.Flag("continuous_usage_stats", request.continuous_usage);
  if (const auto& error = inner.error()) {
    return fields.Fail("stream_options." + error->param, error->message, error->code);
  }
  request.include_usage = request.include_usage || usage;
  request.continuous_usage = request.continuous_usage && request.include_usage;
}

void ReadStreamInterval(const FieldContext& context) {
  context.request.stream_interval = context.rules.stream_interval;
  context.fields.Integer(context.name, 1, kIntMax, context.request.stream_interval);
}

constexpr std::size_t kIdBytes = 256;

void ReadRequestId(const FieldContext& context) {
  std::string& id = context.request.request_id;
  context.fields.Text(context.name, kIdBytes, id);
  if (!IsRequestId(id)) {
    context.fields.Fail(context.name, "request_id must be of visible ASCII characters, without spaces");
  }
}

void ReadTokensAsIds(const FieldContext& context) {
  context.request.tokens_as_ids = context.rules.tokens_as_ids;
  context.fields.Flag(context.name, context.request.tokens_as_ids);
}

// clang-format off: a table
constexpr std::array kRows = {
    RequestField{.name = "stream",
                 .endpoints = kInAnswers,
                 .target = &ApiRequest::stream,
                 .default_text = "false",
                 .help = "the answer comes as server-sent events, token by token"},
    RequestField{.name = "stream_options",
                 .endpoints = kInAnswers,
                 .target = &ReadStreamOptions,
                 .default_text = "null",
                 .help = "include_usage: a last chunk with the usage; continuous_usage_stats: with it, the "
                         "usage so far in every chunk",
                 .shape = FieldShape::kStreamOptions},
    RequestField{.name = "stream_interval",
                 .endpoints = kInAnswers,
                 .target = &ReadStreamInterval,
                 .default_text = "1, or --stream-interval",
                 .help = "tokens of one chunk; the first comes at once",
                 .minimum = 1,
                 .maximum = kIntMax,
                 .shape = FieldShape::kInteger},
    RequestField{.name = "echo",
                 .endpoints = kInAnswers,
                 .target = &ApiRequest::echo,
                 .default_text = "false",
                 .help =
                     "completions: the text begins with the prompt, the log-probabilities with its tokens; "
                     "chat: with the last message, where that has the role of the answer"},
    RequestField{.name = "logprobs",
                 .endpoints = kInCompletions,
                 .target = &ReadLogprobs,
                 .default_text = "null",
                 .help = "the log-probability of each token and of so many likeliest ones",
                 .maximum = kMaxLogprobs,
                 .shape = FieldShape::kLogprobs},
    RequestField{.name = "logprobs",
                 .endpoints = kInChat,
                 .target = &ReadLogprobs,
                 .default_text = "false",
                 .help = "the log-probability of each token",
                 .shape = FieldShape::kFlag},
    RequestField{.name = "top_logprobs",
                 .endpoints = kInChat,
                 .target = &ReadLogprobs,
                 .default_text = "0",
                 .help = "with logprobs: so many likeliest tokens beside each",
                 .maximum = kMaxLogprobs,
                 .shape = FieldShape::kLogprobs},
    RequestField{.name = "prompt_logprobs",
                 .endpoints = kInAnswers,
                 .target = &ReadPromptLogprobs,
                 .default_text = "null",
                 .help = "the same for each token of the prompt, by token id; not with stream",
                 .maximum = kMaxLogprobs,
                 .shape = FieldShape::kLogprobs},
    RequestField{.name = "return_token_ids",
                 .endpoints = kInAnswers,
                 .target = &ApiRequest::return_token_ids,
                 .default_text = "false",
                 .help = "the ids of the prompt and of the answer"},
    RequestField{.name = "return_tokens_as_token_ids",
                 .endpoints = kInAnswers,
                 .target = &ReadTokensAsIds,
                 .default_text = "false, or --return-tokens-as-token-ids",
                 .help = "tokens in log-probabilities are written token_id:ID",
                 .shape = FieldShape::kFlag},
    RequestField{.name = "return_token_strs",
                 .endpoints = kInTokenize,
                 .target = &ApiRequest::return_token_texts,
                 .default_text = "false",
                 .help = "the text of each token"},
    RequestField{.name = "skip_special_tokens",
                 .endpoints = kInAnswers,
                 .target = &SamplingParams::skip_special_tokens,
                 .default_text = "true",
                 .help = "the text leaves control tokens out"},
    RequestField{.name = "request_id",
                 .endpoints = kInAnswers,
                 .target = &ReadRequestId,
                 .default_text = "made by the server, or the header X-Request-Id",
                 .help = "part of the answer's id",
                 .maximum = kIdBytes,
                 .shape = FieldShape::kVisibleText},
    RequestField{.name = "user",
                 .endpoints = kInAnswers,
                 .target = Ignored::kText,
                 .default_text = "null",
                 .help = "accepted without effect",
                 .maximum = 4096},
    RequestField{.name = "session_id",
                 .endpoints = kInAnswers,
                 .target = Ignored::kText,
                 .default_text = "null",
                 .help = "accepted without effect",
                 .maximum = 4096},
    RequestField{.name = "parallel_tool_calls",
                 .endpoints = kInChat,
                 .target = Ignored::kFlag,
                 .default_text = "true",
                 .help = "accepted without effect: tools are not called"},
};
// clang-format on

}  // namespace

std::span<const RequestField> OutputFields() {
  return kRows;
}

}  // namespace vivace::server
