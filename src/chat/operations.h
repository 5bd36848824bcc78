// Arithmetic, comparison and joining of two values, as Python does it. Errors do not name the line: the
// caller adds it. Thread safety: pure functions.
#pragma once

#include <string_view>

#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

/// op: + - * / // %. Strings and lists add; integers that overflow and division by zero are errors.
Result<Value> Arithmetic(std::string_view op, const Value& left, const Value& right);
/// op: == != < > <= >= in.
Result<Value> Compare(std::string_view op, const Value& left, const Value& right);
/// Both printed, one after the other.
Value Concat(const Value& left, const Value& right);
Result<Value> Negate(const Value& value);

}  // namespace vivace::chat
