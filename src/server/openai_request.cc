#include "server/openai_request.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "server/request_fields.h"

namespace vivace::server {
namespace json = boost::json;
namespace {

/// What one field alone cannot say.
void CheckTogether(FieldReader& fields, ApiRequest& request) {
  const auto prompts = static_cast<std::int64_t>(request.prompts.size());
  if (prompts * request.n > kMaxSequences) {
    fields.Fail("prompt", std::to_string(prompts) + " prompts times n = " + std::to_string(request.n) +
                              " is more than the " + std::to_string(kMaxSequences) +
                              " answers that one request may ask for");
  }
  SamplingParams& sampling = request.sampling;
  if (request.max_tokens && sampling.min_tokens > *request.max_tokens) {
    fields.Fail("min_tokens", "min_tokens is " + std::to_string(sampling.min_tokens) +
                                  ", but max_tokens is " + std::to_string(*request.max_tokens) +
                                  "; it must not be more");
  }
  const bool echoed = request.echo && request.kind == ApiKind::kCompletion;
  sampling.prompt_logprobs = std::max(request.prompt_logprobs, echoed ? sampling.logprobs : -1);
}

bool HasLongText(const json::value& value, std::size_t most) {
  if (const auto* text = value.if_string()) return text->size() > most;
  if (const auto* array = value.if_array()) {
    return std::any_of(array->begin(), array->end(),
                       [most](const json::value& item) { return HasLongText(item, most); });
  }
  const auto* object = value.if_object();
  return object != nullptr && std::any_of(object->begin(), object->end(), [most](const auto& field) {
           return field.key().size() > most || HasLongText(field.value(), most);
         });
}

/// The first field with a text over the bound is named.
void CheckTexts(const json::object& object, std::size_t most, FieldReader& fields) {
  for (const auto& field : object) {
    if (field.key().size() <= most && !HasLongText(field.value(), most)) continue;
    return fields.Fail(ShownText(field.key()), ShownText(field.key()) + " holds a text of over " +
                                                   std::to_string(most) +
                                                   " bytes, the most that this server takes");
  }
}

}  // namespace

bool IsRequestId(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<ApiError> ParseApiRequest(ApiKind kind, std::string_view body, const RequestRules& rules,
                                        ApiRequest& request) {
  request = ApiRequest();
  request.kind = kind;
  request.sampling = rules.defaults;
  const int model_default = rules.defaults.max_tokens;  // stays in request.sampling for TokenizeRequest
  if (kind == ApiKind::kCompletion) {
    request.max_tokens =
        model_default > 0 ? std::min(model_default, kDefaultCompletionTokens) : kDefaultCompletionTokens;
  }
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = rules.json_depth;
  const json::value root = json::parse(body, error, {}, options);
  if (error) {
    return ApiError{.message = error == json::error::too_deep
                                   ? "the body is JSON nested deeper than " + std::to_string(rules.json_depth)
                                   : "the body is not valid JSON: " + error.message(),
                    .code = "invalid_json"};
  }
  const auto* object = root.if_object();
  if (object == nullptr) {
    return ApiError{.message = "the body must be a JSON object, but is " + Shown(root),
                    .code = "invalid_json"};
  }
  FieldReader fields(*object);
  CheckTexts(*object, rules.text_bytes, fields);
  if (!fields.error()) ReadFields(fields, rules, request);
  if (!fields.error()) CheckTogether(fields, request);
  return fields.error();
}

}  // namespace vivace::server
