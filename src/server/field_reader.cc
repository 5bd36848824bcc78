#include "server/field_reader.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <limits>

#include "base/json_text.h"

namespace vivace::server {
namespace json = boost::json;
namespace {

constexpr std::size_t kShownBytes = 60;

std::string NumberText(double value) {
  std::string out;
  base::AppendJsonNumber(value, out);
  return out;
}

}  // namespace

std::string ShownText(std::string_view text) {
  std::size_t end = 0;
  while (end < std::min(text.size(), kShownBytes)) {
    end += std::max<std::size_t>(1, base::Utf8Length(text.substr(end, 4)));
  }
  std::string out;
  base::AppendJsonString(text.substr(0, end), out);
  return out.substr(1, out.size() - 2) + (end < text.size() ? "..." : "");
}

std::string Shown(const json::value& value) {
  // Long arrays and objects are not written out just to be cut.
  if (value.is_array()) return "an array of " + std::to_string(value.get_array().size());
  if (value.is_object()) return "an object";
  if (const auto* string = value.if_string()) return "\"" + ShownText(*string) + "\"";
  if (value.is_double()) return NumberText(value.get_double());
  return json::serialize(value);
}

std::optional<std::int64_t> AsInteger(const json::value& value) {
  if (const auto* integer = value.if_int64()) return *integer;
  if (const auto* number = value.if_double()) {
    constexpr double kLimit = 9007199254740992.0;  // 2^53: every integer below is exact
    if (std::trunc(*number) == *number && std::abs(*number) <= kLimit) {
      return static_cast<std::int64_t>(*number);
    }
  }
  return std::nullopt;
}

const json::value* FieldReader::Find(std::string_view name) const {
  const json::value* value = object_.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void FieldReader::Fail(std::string_view name, std::string message, std::string_view code) {
  if (!error_) error_ = FieldError(name, std::move(message), code);
}

void FieldReader::Flag(std::string_view name, bool& target) {
  const json::value* value = Find(name);
  if (value == nullptr) return;
  if (const bool* flag = value->if_bool()) {
    target = *flag;
    return;
  }
  Fail(name, std::string(name) + " must be true or false, but is " + Shown(*value), "invalid_type");
}

void FieldReader::Integer(std::string_view name, std::int64_t minimum, std::int64_t maximum,
                          std::int64_t& target) {
  const json::value* value = Find(name);
  if (value == nullptr) return;
  const auto integer = AsInteger(*value);
  if (integer && *integer >= minimum && *integer <= maximum) {
    target = *integer;
    return;
  }
  const bool is_number = value->is_number();
  Fail(name,
       std::string(name) + " must be an integer from " + std::to_string(minimum) + " to " +
           std::to_string(maximum) + ", but is " + Shown(*value),
       is_number ? "invalid_value" : "invalid_type");
}

void FieldReader::Integer(std::string_view name, int minimum, int maximum, int& target) {
  std::int64_t wide = target;
  Integer(name, std::int64_t{minimum}, std::int64_t{maximum}, wide);
  target = static_cast<int>(wide);
}

void FieldReader::Number(std::string_view name, NumberRange range, double& target) {
  const json::value* value = Find(name);
  if (value == nullptr) return;
  boost::system::error_code error;
  const double number =
      value->is_number() ? value->to_number<double>(error) : std::numeric_limits<double>::quiet_NaN();
  const bool high_enough = range.open_minimum ? number > range.minimum : number >= range.minimum;
  if (!error && high_enough && number <= range.maximum) {
    target = number;
    return;
  }
  Fail(name,
       std::string(name) + " must be a number " + (range.open_minimum ? "above " : "from ") +
           NumberText(range.minimum) + " to " + NumberText(range.maximum) + ", but is " + Shown(*value),
       value->is_number() ? "invalid_value" : "invalid_type");
}

void FieldReader::Text(std::string_view name, std::size_t max_bytes, std::string& target) {
  const json::value* value = Find(name);
  if (value == nullptr) return;
  const auto* string = value->if_string();
  if (string == nullptr) {
    Fail(name, std::string(name) + " must be a string, but is " + Shown(*value), "invalid_type");
  } else if (string->size() > max_bytes) {
    Fail(name, std::string(name) + " is " + std::to_string(string->size()) + " bytes long; at most " +
                   std::to_string(max_bytes) + " are allowed");
  } else {
    target.assign(string->data(), string->size());
  }
}

void FieldReader::Texts(std::string_view name, const TextListLimits& limits,
                        std::vector<std::string>& target) {
  const json::value* value = Find(name);
  if (value == nullptr) return;
  const std::string field(name);
  const auto* array = value->if_array();
  if (array == nullptr && !(limits.one_string && value->is_string())) {
    return Fail(name,
                field + " must be " + (limits.one_string ? "a string or " : "") +
                    "an array of strings, but is " + Shown(*value),
                "invalid_type");
  }
  if (array != nullptr && array->size() > limits.count) {
    return Fail(name, field + " has " + std::to_string(array->size()) + " strings; at most " +
                          std::to_string(limits.count) + " are allowed");
  }
  const auto add = [&](const json::value& item) {
    const auto* text = item.if_string();
    if (text == nullptr) {
      Fail(name, field + " must hold strings, but one item is " + Shown(item), "invalid_type");
    } else if (text->empty()) {
      Fail(name, field + " holds an empty string; leave it out");
    } else if (text->size() > limits.bytes) {
      Fail(name, field + " holds a string of " + std::to_string(text->size()) + " bytes; at most " +
                     std::to_string(limits.bytes) + " are allowed");
    } else {
      target.emplace_back(*text);
    }
  };
  target.clear();
  if (array == nullptr) return add(*value);
  for (const json::value& item : *array) add(item);
}

void FieldReader::TokenIds(std::string_view name, std::size_t max_count, int vocabulary,
                           std::vector<std::int32_t>& target) {
  const json::value* value = Find(name);
  if (value == nullptr) return;
  const auto* array = value->if_array();
  if (array == nullptr || array->size() > max_count) {
    return Fail(name,
                std::string(name) + " must be an array of at most " + std::to_string(max_count) +
                    " token ids, but is " + Shown(*value),
                array == nullptr ? "invalid_type" : "invalid_value");
  }
  TokenIds(name, *array, vocabulary, target);
}

void FieldReader::TokenIds(std::string_view name, const json::array& array, int vocabulary,
                           std::vector<std::int32_t>& target) {
  target.clear();
  target.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    const auto id = AsInteger(array[i]);
    if (!id || *id < 0 || *id >= vocabulary) {
      return Fail(name, std::string(name) + " must hold token ids (integers from 0 to " +
                            std::to_string(vocabulary - 1) + "), but item " + std::to_string(i) + " is " +
                            Shown(array[i]));
    }
    target.push_back(static_cast<std::int32_t>(*id));
  }
}

}  // namespace vivace::server
