#include "server/openai_request.h"

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <limits>

#include "server/field_reader.h"

namespace vivace::server {
namespace json = boost::json;
namespace {

constexpr int kIntMax = std::numeric_limits<int>::max();

/// A field that would change the answer in a way that is not built; allowed only with its neutral value.
struct UnsupportedField {
  std::string_view name;
  enum class Neutral { kZero, kOne, kFalse, kTrue, kEmpty, kText, kNone } neutral;
};

using Neutral = UnsupportedField::Neutral;
constexpr std::array kUnsupported = {
    UnsupportedField{"presence_penalty", Neutral::kZero},
    UnsupportedField{"frequency_penalty", Neutral::kZero},
    UnsupportedField{"repetition_penalty", Neutral::kOne},
    UnsupportedField{"min_p", Neutral::kZero},
    UnsupportedField{"min_tokens", Neutral::kZero},
    UnsupportedField{"logit_bias", Neutral::kEmpty},
    UnsupportedField{"bad_words", Neutral::kEmpty},
    UnsupportedField{"allowed_token_ids", Neutral::kEmpty},
    UnsupportedField{"logprob_token_ids", Neutral::kEmpty},
    UnsupportedField{"best_of", Neutral::kOne},
    UnsupportedField{"use_beam_search", Neutral::kFalse},
    UnsupportedField{"include_stop_str_in_output", Neutral::kFalse},
    UnsupportedField{"skip_special_tokens", Neutral::kTrue},
    UnsupportedField{"continue_final_message", Neutral::kFalse},
    UnsupportedField{"response_format", Neutral::kText},
    UnsupportedField{"structured_outputs", Neutral::kNone},
    UnsupportedField{"suffix", Neutral::kEmpty},
    UnsupportedField{"prompt_embeds", Neutral::kNone},
    UnsupportedField{"prompt_logprobs", Neutral::kNone},
    UnsupportedField{"truncate_prompt_tokens", Neutral::kNone},
    UnsupportedField{"tools", Neutral::kEmpty},
    UnsupportedField{"functions", Neutral::kEmpty},
    UnsupportedField{"chat_template", Neutral::kNone},
    UnsupportedField{"documents", Neutral::kEmpty},
};

bool IsNumber(const json::value& value, double wanted) {
  boost::system::error_code error;
  return value.is_number() && value.to_number<double>(error) == wanted;
}

bool IsNeutral(const json::value& value, Neutral neutral) {
  switch (neutral) {
    case Neutral::kZero:
      return IsNumber(value, 0);
    case Neutral::kOne:
      return IsNumber(value, 1);
    case Neutral::kFalse:
      return value.is_bool() && !value.get_bool();
    case Neutral::kTrue:
      return value.is_bool() && value.get_bool();
    case Neutral::kEmpty:
      return (value.is_array() && value.get_array().empty()) ||
             (value.is_object() && value.get_object().empty()) ||
             (value.is_string() && value.get_string().empty());
    case Neutral::kText: {
      const auto* object = value.if_object();
      const auto* type = object == nullptr ? nullptr : object->if_contains("type");
      return type != nullptr && type->is_string() && type->get_string() == "text";
    }
    case Neutral::kNone:
      break;
  }
  return false;
}

void CheckUnsupported(FieldReader& fields) {
  for (const UnsupportedField& field : kUnsupported) {
    const json::value* value = fields.Find(field.name);
    if (value == nullptr || IsNeutral(*value, field.neutral)) continue;
    fields.Fail(field.name,
                std::string(field.name) + " is not supported by this server (the value is " + Shown(*value) +
                    "); leave it out",
                "unsupported_value");
  }
}

/// One token id of a prompt; whether it is in the vocabulary is the engine's to say.
std::optional<std::int32_t> AsTokenId(const json::value& value) {
  const auto integer = AsInteger(value);
  if (!integer || *integer < 0 || *integer > kIntMax) return std::nullopt;
  return static_cast<std::int32_t>(*integer);
}

void ReadTokenIds(FieldReader& fields, std::string_view name, const json::array& array,
                  std::vector<std::int32_t>& target) {
  target.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    const auto id = AsTokenId(array[i]);
    if (!id) {
      fields.Fail(name, std::string(name) + " must hold token ids (integers from 0), but item " +
                            std::to_string(i) + " is " + Shown(array[i]));
      return;
    }
    target.push_back(*id);
  }
}

/// A string, an array of token ids, or an array of either.
void ReadPrompts(FieldReader& fields, std::vector<PromptInput>& prompts) {
  const json::value* value = fields.Find("prompt");
  if (value == nullptr) {
    return fields.Fail("prompt", "prompt is missing: a string or an array of token ids", "missing_field");
  }
  if (const auto* string = value->if_string()) {
    prompts.emplace_back(std::string(*string));
    return;
  }
  const auto* array = value->if_array();
  if (array == nullptr) {
    return fields.Fail(
        "prompt",
        "prompt must be a string, an array of token ids, or an array of those, but is " + Shown(*value),
        "invalid_type");
  }
  if (array->empty()) return fields.Fail("prompt", "prompt is empty: give at least one token or string");
  if ((*array)[0].is_number()) {
    ReadTokenIds(fields, "prompt", *array, std::get<1>(prompts.emplace_back(std::vector<std::int32_t>())));
    return;
  }
  for (std::size_t i = 0; i < array->size() && !fields.error(); ++i) {
    const json::value& item = (*array)[i];
    if (const auto* string = item.if_string()) {
      prompts.emplace_back(std::string(*string));
    } else if (const auto* ids = item.if_array()) {
      ReadTokenIds(fields, "prompt", *ids, std::get<1>(prompts.emplace_back(std::vector<std::int32_t>())));
    } else {
      fields.Fail("prompt", "item " + std::to_string(i) + " of prompt is " + Shown(item) +
                                "; it must be a string or an array of token ids");
    }
  }
}

void ReadStop(FieldReader& fields, std::vector<std::string>& stop) {
  const json::value* value = fields.Find("stop");
  if (value == nullptr) return;
  if (const auto* string = value->if_string()) {
    stop.emplace_back(*string);
  } else if (const auto* array = value->if_array()) {
    if (array->size() > kMaxStopStrings) {
      return fields.Fail("stop", "stop has " + std::to_string(array->size()) + " strings; at most " +
                                     std::to_string(kMaxStopStrings) + " are allowed");
    }
    for (const json::value& item : *array) {
      if (!item.is_string()) {
        return fields.Fail("stop", "stop must hold strings, but one item is " + Shown(item), "invalid_type");
      }
      stop.emplace_back(item.get_string());
    }
  } else {
    fields.Fail("stop", "stop must be a string or an array of strings, but is " + Shown(*value),
                "invalid_type");
  }
  for (const std::string& text : stop) {
    if (text.empty()) fields.Fail("stop", "stop holds an empty string; leave it out");
  }
}

void ReadStopTokenIds(FieldReader& fields, std::vector<std::int32_t>& ids) {
  const json::value* value = fields.Find("stop_token_ids");
  if (value == nullptr) return;
  const auto* array = value->if_array();
  if (array == nullptr || array->size() > kMaxStopTokenIds) {
    return fields.Fail("stop_token_ids", "stop_token_ids must be an array of at most " +
                                             std::to_string(kMaxStopTokenIds) + " token ids, but is " +
                                             Shown(*value));
  }
  ReadTokenIds(fields, "stop_token_ids", *array, ids);
}

void ReadStream(FieldReader& fields, ApiRequest& request) {
  fields.Flag("stream", request.stream);
  const json::value* options = fields.Find("stream_options");
  if (options == nullptr) return;
  if (!request.stream) {
    return fields.Fail("stream_options", "stream_options is allowed only with \"stream\": true");
  }
  const auto* object = options->if_object();
  if (object == nullptr) {
    return fields.Fail("stream_options", "stream_options must be an object, but is " + Shown(*options),
                       "invalid_type");
  }
  FieldReader inner(*object);
  inner.Flag("include_usage", request.include_usage);
  if (inner.error()) fields.Fail("stream_options.include_usage", inner.error()->message, inner.error()->code);
}

void ReadMaxTokens(FieldReader& fields, std::string_view name, int minimum, std::optional<int>& target) {
  if (fields.Find(name) == nullptr) return;
  int value = minimum;
  fields.Integer(name, minimum, kIntMax, value);
  target = value;
}

void ReadSampling(FieldReader& fields, ApiRequest& request) {
  SamplingParams& sampling = request.sampling;
  fields.Number("temperature", {0, 2}, sampling.temperature);
  fields.Number("top_p", {0, 1, true}, sampling.top_p);
  fields.Integer("top_k", -1, kIntMax, sampling.top_k);
  if (fields.Find("seed") != nullptr) {
    std::int64_t seed = 0;
    fields.Integer("seed", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
                   seed);
    sampling.seed = seed;
  }
  fields.Flag("ignore_eos", sampling.ignore_eos);
  fields.Integer("n", 1, kMaxChoices, request.n);
  ReadStop(fields, sampling.stop);
  ReadStopTokenIds(fields, sampling.stop_token_ids);
  fields.Flag("return_token_ids", request.return_token_ids);
  fields.Text("cache_salt", 1024, request.cache_salt);
}

void ReadCompletion(FieldReader& fields, ApiRequest& request) {
  ReadPrompts(fields, request.prompts);
  fields.Flag("echo", request.echo);
  fields.Flag("add_special_tokens", request.add_special_tokens);
  fields.Integer("logprobs", 0, kMaxLogprobs, request.sampling.logprobs);
  request.max_tokens = kDefaultCompletionTokens;
  // Nothing generated is of use only with echo: the log-probabilities of a given text.
  ReadMaxTokens(fields, "max_tokens", request.echo ? 0 : 1, request.max_tokens);
  if (request.echo && request.sampling.logprobs >= 0) {
    request.sampling.prompt_logprobs = request.sampling.logprobs;
  }
  if (static_cast<std::int64_t>(request.prompts.size()) * request.n > kMaxSequences) {
    fields.Fail("prompt", std::to_string(request.prompts.size()) +
                              " prompts times n = " + std::to_string(request.n) + " is more than the " +
                              std::to_string(kMaxSequences) + " answers that one request may ask for");
  }
}

/// A string, or an array of text parts, joined by line ends.
void ReadContent(FieldReader& fields, const std::string& where, const json::value* content,
                 std::string& target) {
  if (content == nullptr || content->is_null()) {
    return fields.Fail("messages", where + ".content is missing: a string or text parts", "missing_field");
  }
  if (const auto* string = content->if_string()) {
    target.assign(string->data(), string->size());
    return;
  }
  const auto* parts = content->if_array();
  if (parts == nullptr) {
    return fields.Fail(
        "messages", where + ".content must be a string or an array of text parts, but is " + Shown(*content));
  }
  bool first = true;
  for (const json::value& part : *parts) {
    const auto* object = part.if_object();
    const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
    const json::value* text = object == nullptr ? nullptr : object->if_contains("text");
    const bool is_text =
        type != nullptr && type->is_string() && type->get_string() == "text" && text != nullptr;
    if (!is_text || !text->is_string()) {
      return fields.Fail("messages", where + ".content holds a part of type " +
                                         (type == nullptr ? "(missing)" : Shown(*type)) +
                                         "; only {\"type\": \"text\", \"text\": ...} is supported");
    }
    if (!first) target += '\n';
    first = false;
    target.append(text->get_string().data(), text->get_string().size());
  }
}

void ReadMessages(FieldReader& fields, std::vector<ChatMessage>& messages) {
  const json::value* value = fields.Find("messages");
  if (value == nullptr) return fields.Fail("messages", "messages is missing", "missing_field");
  const auto* array = value->if_array();
  if (array == nullptr || array->empty() || array->size() > kMaxMessages) {
    return fields.Fail("messages", "messages must be an array of 1 to " + std::to_string(kMaxMessages) +
                                       " messages, but is " + Shown(*value));
  }
  for (std::size_t i = 0; i < array->size() && !fields.error(); ++i) {
    const std::string where = "messages[" + std::to_string(i) + "]";
    const auto* object = (*array)[i].if_object();
    if (object == nullptr) {
      return fields.Fail("messages", where + " must be an object with role and content");
    }
    const json::value* role = object->if_contains("role");
    if (role == nullptr || !role->is_string() || role->get_string().empty() ||
        role->get_string().size() > 64) {
      return fields.Fail("messages", where + ".role must be a string such as \"user\", but is " +
                                         (role == nullptr ? "missing" : Shown(*role)));
    }
    ChatMessage& message = messages.emplace_back();
    message.role = std::string(role->get_string());
    ReadContent(fields, where, object->if_contains("content"), message.content);
  }
}

void ReadChat(FieldReader& fields, ApiRequest& request) {
  ReadMessages(fields, request.messages);
  fields.Flag("add_generation_prompt", request.add_generation_prompt);
  ReadMaxTokens(fields, "max_tokens", 1, request.max_tokens);
  ReadMaxTokens(fields, "max_completion_tokens", 1, request.max_tokens);  // the newer name wins
  bool logprobs = false;
  fields.Flag("logprobs", logprobs);
  int top_logprobs = 0;
  fields.Integer("top_logprobs", 0, kMaxLogprobs, top_logprobs);
  if (top_logprobs > 0 && !logprobs) {
    fields.Fail("top_logprobs", "top_logprobs is allowed only with \"logprobs\": true");
  }
  if (logprobs) request.sampling.logprobs = top_logprobs;
}

}  // namespace

std::optional<ApiError> ParseApiRequest(ApiKind kind, std::string_view body, ApiRequest& request) {
  request = ApiRequest();
  request.kind = kind;
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kJsonDepth;
  const json::value root = json::parse(body, error, {}, options);
  if (error) {
    return ApiError{.message = error == json::error::too_deep
                                   ? "the body is JSON nested deeper than " + std::to_string(kJsonDepth)
                                   : "the body is not valid JSON: " + error.message(),
                    .code = "invalid_json"};
  }
  const auto* object = root.if_object();
  if (object == nullptr) {
    return ApiError{.message = "the body must be a JSON object, but is " + Shown(root),
                    .code = "invalid_json"};
  }
  FieldReader fields(*object);
  fields.Text("model", 4096, request.model);
  ReadSampling(fields, request);
  if (kind == ApiKind::kChat) {
    ReadChat(fields, request);
  } else {
    ReadCompletion(fields, request);
  }
  ReadStream(fields, request);
  CheckUnsupported(fields);
  return fields.error();
}

}  // namespace vivace::server
