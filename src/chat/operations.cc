#include "chat/operations.h"

#include <cmath>
#include <compare>
#include <limits>

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

bool IsWhole(const Value& value) {
  return value.is(Kind::kInteger) || value.is(Kind::kBool);
}
bool IsNumeric(const Value& value) {
  return IsWhole(value) || value.is(Kind::kNumber);
}
std::int64_t Whole(const Value& value) {
  return value.is(Kind::kBool) ? (value.boolean() ? 1 : 0) : value.integer();
}

Status NotDefined(std::string_view op, const Value& left, const Value& right) {
  return InvalidArgument("\"" + std::string(op) + "\" is not defined for " + std::string(left.KindName()) +
                         " and " + std::string(right.KindName()));
}

Result<Value> WholeArithmetic(std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  if (op == "+") overflow = __builtin_add_overflow(a, b, &result);
  if (op == "-") overflow = __builtin_sub_overflow(a, b, &result);
  if (op == "*") overflow = __builtin_mul_overflow(a, b, &result);
  if (op == "//" || op == "%") {
    if (b == 0) return InvalidArgument("division by zero");
    if (b == -1) {  // the only quotient that can overflow
      overflow = op == "//" && __builtin_sub_overflow(std::int64_t{0}, a, &result);
    } else {
      const std::int64_t rest = a % b;
      const bool down = rest != 0 && (rest < 0) != (b < 0);  // towards minus infinity
      result = op == "//" ? a / b - (down ? 1 : 0) : rest + (down ? b : 0);
    }
  }
  if (overflow) return InvalidArgument("an integer overflows in \"" + std::string(op) + "\"");
  return Value::Integer(result);
}

Result<Value> RealArithmetic(std::string_view op, double a, double b) {
  if (op == "+") return Value::Number(a + b);
  if (op == "-") return Value::Number(a - b);
  if (op == "*") return Value::Number(a * b);
  if (b == 0) return InvalidArgument("division by zero");
  if (op == "/") return Value::Number(a / b);
  const double rest = std::fmod(a, b);
  const double modulo = rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  return Value::Number(op == "%" ? modulo : std::floor((a - modulo) / b + 0.5));
}

Result<Value> Contains(const Value& needle, const Value& haystack) {
  switch (haystack.kind()) {
    case Kind::kUndefined:
      return Value::Bool(false);
    case Kind::kList:
      for (const Value& item : haystack.list()) {
        if (item == needle) return Value::Bool(true);
      }
      return Value::Bool(false);
    case Kind::kDict:
      return Value::Bool(haystack.Find(needle) != nullptr);
    case Kind::kString:
      if (!needle.is(Kind::kString)) break;
      return Value::Bool(haystack.text().Join().find(needle.text().Join()) != std::string::npos);
    default:
      break;
  }
  return NotDefined("in", needle, haystack);
}

bool Holds(std::string_view op, std::partial_ordering order) {
  if (op == "<") return order < 0;
  if (op == ">") return order > 0;
  return op == "<=" ? order <= 0 : order >= 0;
}

}  // namespace

Result<Value> Arithmetic(std::string_view op, const Value& left, const Value& right) {
  if (op == "+" && left.is(Kind::kString) && right.is(Kind::kString)) return Concat(left, right);
  if (op == "+" && left.is(Kind::kList) && right.is(Kind::kList)) {
    Value::List joined = left.list();
    joined.insert(joined.end(), right.list().begin(), right.list().end());
    return Value::MakeList(std::move(joined));
  }
  if (!IsNumeric(left) || !IsNumeric(right)) return NotDefined(op, left, right);
  if (IsWhole(left) && IsWhole(right) && op != "/") return WholeArithmetic(op, Whole(left), Whole(right));
  return RealArithmetic(op, left.AsNumber(), right.AsNumber());
}

Result<Value> Compare(std::string_view op, const Value& left, const Value& right) {
  if (op == "in") return Contains(left, right);
  if (op == "==") return Value::Bool(left == right);
  if (op == "!=") return Value::Bool(!(left == right));
  if (IsWhole(left) && IsWhole(right)) return Value::Bool(Holds(op, Whole(left) <=> Whole(right)));
  if (IsNumeric(left) && IsNumeric(right))
    return Value::Bool(Holds(op, left.AsNumber() <=> right.AsNumber()));
  if (left.is(Kind::kString) && right.is(Kind::kString)) {
    return Value::Bool(Holds(op, left.text().Join() <=> right.text().Join()));
  }
  return NotDefined(op, left, right);
}

Value Concat(const Value& left, const Value& right) {
  Text joined = left.Print();
  joined.Append(right.Print());
  return Value::String(std::move(joined));
}

Result<Value> Negate(const Value& value) {
  if (IsWhole(value)) return WholeArithmetic("-", 0, Whole(value));
  if (value.is(Kind::kNumber)) return Value::Number(-value.number());
  return InvalidArgument("\"-\" is not defined for " + std::string(value.KindName()));
}

}  // namespace vivace::chat
