// Arithmetic, comparison and joining of two values, as Python does it. Errors do not name the line: the
// caller adds it. Thread safety: pure functions, apart from the rendering that they charge.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <unordered_map>

#include "chat/rendering.h"
#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

/// op: + - * / // % **. Strings and lists add and repeat; "%" of a string formats. Integers that overflow and
/// division by zero are errors.
Result<Value> Arithmetic(Rendering& rendering, std::string_view op, const Value& left, const Value& right);
/// op: == != < > <= >= in.
Result<Value> Compare(std::string_view op, const Value& left, const Value& right);
/// Which is first: numbers, strings (by code point), lists (by their items). Others have no order.
Result<std::partial_ordering> Order(std::string_view op, const Value& left, const Value& right);
/// Both printed, one after the other.
Value Concat(const Value& left, const Value& right);
Result<Value> Negate(const Value& value);
Result<Value> Plus(const Value& value);

/// "%" of a string: printf's conversions for one value, a tuple, or a dict with "%(name)s".
Result<Value> FormatPercent(Rendering& rendering, const Text& format, const Value& arguments);

/// Makes a dict; a key that is there keeps its place and gets the new value.
class DictBuilder {
 public:
  /// Errors: a key that Python could not hash (a list, a dict).
  Status Set(const Value& key, Value value);
  Value Finish() && { return Value::MakeDict(std::move(items_)); }

 private:
  Value::Dict items_;
  std::unordered_map<std::string, std::size_t> places_;  // by HashKey
};

/// Equal for equal values, and different for different ones: numbers by value, strings by bytes, and so on.
std::string HashKey(const Value& value);

}  // namespace vivace::chat
