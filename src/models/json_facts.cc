#include "models/json_facts.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <limits>

#include "base/status_macros.h"

namespace vivace::models {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kShownBytes = 64;

const json::value* Find(const void* object, std::string_view key) {
  return static_cast<const json::object*>(object)->if_contains({key.data(), key.size()});
}

/// The value as it would be written, cut short.
std::string Shown(const json::value& value) {
  if (value.is_object()) return "an object";
  if (value.is_array() && value.get_array().size() > 16) return "a list";
  std::string text = value.is_double() ? fmt::format("{}", value.get_double()) : json::serialize(value);
  if (value.is_double() && std::floor(value.get_double()) == value.get_double()) text += " (a real number)";
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "...";
  return text;
}

std::string WholeNumber(std::int64_t minimum, std::int64_t maximum) {
  return fmt::format("it must be a whole number from {} to {}.", minimum, maximum);
}

std::optional<std::int64_t> AsInteger(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64() && value.get_uint64() <= std::numeric_limits<std::int64_t>::max()) {
    return static_cast<std::int64_t>(value.get_uint64());
  }
  return std::nullopt;
}

}  // namespace

struct JsonFacts::Node {
  json::value value;
};

Result<JsonFacts> JsonFacts::Parse(std::string_view text, std::string label) {
  if (text.empty()) return DataLoss(label + " is empty. Fetch the model again.");
  if (text.size() > kMaxBytes) {
    return DataLoss(fmt::format("{} has {} bytes; at most {} are read. Fetch the model again.", label,
                                text.size(), kMaxBytes));
  }
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  auto node = std::make_shared<Node>();
  node->value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) {
    return DataLoss(fmt::format("{} is no JSON: {}. Fetch the model again.", label, error.message()));
  }
  if (!node->value.is_object()) {
    return DataLoss(fmt::format("{} holds {} where an object is needed. Fetch the model again.", label,
                                node->value.is_array() ? std::string("a list") : Shown(node->value)));
  }
  JsonFacts facts;
  facts.object_ = &node->value.get_object();
  facts.root_ = std::move(node);
  facts.label_ = std::move(label);
  return facts;
}

std::string JsonFacts::Name(std::string_view key) const {
  return label_ + ": " + path_ + std::string(key);
}

Status JsonFacts::Wrong(std::string_view key, const std::string& wanted) const {
  const json::value* value = Find(object_, key);
  if (value == nullptr) return DataLoss(Name(key) + " is missing; " + wanted);
  return DataLoss(Name(key) + " is " + Shown(*value) + "; " + wanted);
}

bool JsonFacts::Has(std::string_view key) const {
  const json::value* value = Find(object_, key);
  return value != nullptr && !value->is_null();
}

bool JsonFacts::HasKey(std::string_view key) const {
  return Find(object_, key) != nullptr;
}

bool JsonFacts::IsObject(std::string_view key) const {
  const json::value* value = Find(object_, key);
  return value != nullptr && value->is_object();
}

bool JsonFacts::IsList(std::string_view key) const {
  const json::value* value = Find(object_, key);
  return value != nullptr && value->is_array();
}

Result<std::int64_t> JsonFacts::Integer(std::string_view key, std::int64_t minimum,
                                        std::int64_t maximum) const {
  const json::value* value = Find(object_, key);
  const std::optional<std::int64_t> number = value != nullptr ? AsInteger(*value) : std::nullopt;
  if (number && *number >= minimum && *number <= maximum) return *number;
  return Wrong(key, WholeNumber(minimum, maximum));
}

Result<double> JsonFacts::Number(std::string_view key, double minimum, double maximum) const {
  const json::value* value = Find(object_, key);
  if (value != nullptr && value->is_number()) {
    const double number = value->to_number<double>();
    if (std::isfinite(number) && number >= minimum && number <= maximum) return number;
  }
  return Wrong(key, fmt::format("it must be a number from {} to {}.", minimum, maximum));
}

Result<bool> JsonFacts::Bool(std::string_view key) const {
  const json::value* value = Find(object_, key);
  if (value != nullptr && value->is_bool()) return value->get_bool();
  return Wrong(key, "it must be true or false.");
}

Result<std::string> JsonFacts::String(std::string_view key) const {
  const json::value* value = Find(object_, key);
  if (value != nullptr && value->is_string()) return std::string(value->get_string());
  return Wrong(key, "it must be a string.");
}

Result<JsonFacts> JsonFacts::Object(std::string_view key) const {
  if (!IsObject(key)) return Wrong(key, "it must be an object.");
  JsonFacts facts = *this;
  facts.object_ = &Find(object_, key)->get_object();
  facts.path_ += std::string(key) + ".";
  return facts;
}

Result<std::vector<std::string>> JsonFacts::Strings(std::string_view key) const {
  const std::string wanted = "it must be a list of strings.";
  if (!IsList(key)) return Wrong(key, wanted);
  std::vector<std::string> strings;
  for (const json::value& element : Find(object_, key)->get_array()) {
    if (!element.is_string()) return Wrong(key, wanted);
    strings.emplace_back(element.get_string());
  }
  return strings;
}

Result<std::vector<std::int64_t>> JsonFacts::Integers(std::string_view key, std::int64_t minimum,
                                                      std::int64_t maximum) const {
  std::vector<std::int64_t> numbers;
  if (!IsList(key)) {
    VIVACE_ASSIGN_OR_RETURN(const std::int64_t number, Integer(key, minimum, maximum));
    numbers.push_back(number);
    return numbers;
  }
  for (const json::value& element : Find(object_, key)->get_array()) {
    const std::optional<std::int64_t> number = AsInteger(element);
    if (!number || *number < minimum || *number > maximum) {
      return Wrong(key, "each must be a whole number from " + std::to_string(minimum) + " to " +
                            std::to_string(maximum) + ".");
    }
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace vivace::models
