#include "cli/serve_event.h"

#include <boost/json.hpp>
#include <limits>

namespace vivace::cli {
namespace {

constexpr std::size_t kJsonDepth = 32;

std::optional<boost::json::value> Parse(std::string_view text) {
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = kJsonDepth;
  auto value = boost::json::parse(text, error, {}, options);
  if (error) return std::nullopt;
  return value;
}

/// A member of an object; null where there is none.
const boost::json::value* Member(const boost::json::value& value, std::string_view name) {
  const auto* const object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

std::string TextOf(const boost::json::value* value) {
  const auto* const text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? "" : std::string(*text);
}

std::optional<int> CountOf(const boost::json::value* value) {
  const auto* const number = value == nullptr ? nullptr : value->if_int64();
  if (number == nullptr || *number < 0 || *number > std::numeric_limits<int>::max()) return std::nullopt;
  return static_cast<int>(*number);
}

}  // namespace

ServeEvent ParseServeEvent(std::string_view json) {
  ServeEvent event;
  const auto parsed = Parse(json);
  if (!parsed || !parsed->is_object()) {
    event.error = "no JSON object: " + std::string(json.substr(0, 100));
    return event;
  }
  if (const auto* const error = Member(*parsed, "error"); error != nullptr && !error->is_null()) {
    event.error = TextOf(Member(*error, "message"));
    if (event.error.empty()) event.error = boost::json::serialize(*error);
    return event;
  }
  event.is_valid = true;
  const auto* const choices = Member(*parsed, "choices");
  const auto* const list = choices == nullptr ? nullptr : choices->if_array();
  if (list != nullptr && !list->empty()) {
    const boost::json::value& choice = list->front();
    event.has_choice = true;
    event.text = TextOf(Member(choice, "text"));
    for (const char* part : {"delta", "message"}) {
      if (const auto* const inner = Member(choice, part)) event.text += TextOf(Member(*inner, "content"));
    }
  }
  if (const auto* const usage = Member(*parsed, "usage")) {
    event.prompt_tokens = CountOf(Member(*usage, "prompt_tokens"));
    event.output_tokens = CountOf(Member(*usage, "completion_tokens"));
  }
  return event;
}

Result<std::string> FirstModel(std::string_view json) {
  const auto parsed = Parse(json);
  const auto* const data = parsed ? Member(*parsed, "data") : nullptr;
  const auto* const list = data == nullptr ? nullptr : data->if_array();
  const std::string id = list == nullptr || list->empty() ? "" : TextOf(Member(list->front(), "id"));
  if (id.empty()) return Unavailable("/v1/models names no model: give --model NAME");
  return id;
}

Result<std::string> MergeObjects(const std::string& json, const std::string& more) {
  auto base = Parse(json);
  const auto over = Parse(more);
  if (!base || !base->is_object() || !over || !over->is_object())
    return InvalidArgument("--extra-body is '" + more.substr(0, 64) + "': it must be a JSON object");
  for (const auto& [key, value] : over->as_object()) base->as_object()[key] = value;
  return boost::json::serialize(*base);
}

}  // namespace vivace::cli
