#include "chat/operations.h"

#include <cmath>
#include <limits>
#include <utility>

#include "base/status_macros.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

bool IsWhole(const Value& value) {
  return value.is(Kind::kInteger) || value.is(Kind::kBool);
}
std::int64_t Whole(const Value& value) {
  return value.is(Kind::kBool) ? (value.boolean() ? 1 : 0) : value.integer();
}

Status NotDefined(std::string_view op, const Value& left, const Value& right) {
  return InvalidArgument("\"" + std::string(op) + "\" is not defined for " + std::string(left.KindName()) +
                         " and " + std::string(right.KindName()));
}

/// a ** b of integers, b at least 0.
Result<Value> WholePower(std::int64_t a, std::int64_t b) {
  if (b == 0 || a == 1) return Value::Integer(1);
  if (a == 0) return Value::Integer(0);
  if (a == -1) return Value::Integer(b % 2 == 0 ? 1 : -1);
  std::int64_t result = 1;
  for (; b > 0; --b) {  // at most 63 rounds: the absolute value at least doubles
    if (__builtin_mul_overflow(result, a, &result)) return InvalidArgument("an integer overflows in \"**\"");
  }
  return Value::Integer(result);
}

Result<Value> RealPower(double a, double b) {
  if (a == 0 && b < 0) return InvalidArgument("division by zero");
  const double result = std::pow(a, b);
  if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) {
    return InvalidArgument("a power of a negative number is not a real number");
  }
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
    return InvalidArgument("a number overflows in \"**\"");
  }
  return Value::Number(result);
}

Result<Value> WholeArithmetic(std::string_view op, std::int64_t a, std::int64_t b) {
  if (op == "**")
    return b >= 0 ? WholePower(a, b) : RealPower(static_cast<double>(a), static_cast<double>(b));
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
  if (op == "**") return RealPower(a, b);
  if (b == 0) return InvalidArgument("division by zero");
  if (op == "/") return Value::Number(a / b);
  const double rest = std::fmod(a, b);
  const double modulo = rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  if (op == "%") return Value::Number(modulo == 0 ? std::copysign(0.0, b) : modulo);
  return Value::Number(std::floor((a - modulo) / b + 0.5));
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

/// `value` `count` times, where it is a string or a list.
Result<Value> Repeat(Rendering& rendering, const Value& value, std::int64_t count) {
  const std::size_t times = count > 0 ? static_cast<std::size_t>(count) : 0;
  if (value.is(Kind::kString)) {
    if (value.text().empty()) return value;
    VIVACE_RETURN_IF_ERROR(rendering.ChargeProduct(times, value.text().size() + 1));
    Text out;
    for (std::size_t i = 0; i < times; ++i) out.Append(value.text());
    return Value::String(std::move(out));
  }
  if (value.list().empty()) return value;
  VIVACE_RETURN_IF_ERROR(rendering.ChargeProduct(times, value.list().size() * kBytesPerItem));
  Value::List out;
  for (std::size_t i = 0; i < times; ++i) out.insert(out.end(), value.list().begin(), value.list().end());
  return Value::MakeList(std::move(out), value.sequence());
}

bool CanRepeat(const Value& value) {
  return value.is(Kind::kString) || value.is(Value::Sequence::kList) || value.is(Value::Sequence::kTuple);
}

bool CanJoin(const Value& left, const Value& right) {
  if (left.is(Kind::kString)) return right.is(Kind::kString);
  return (left.is(Value::Sequence::kList) && right.is(Value::Sequence::kList)) ||
         (left.is(Value::Sequence::kTuple) && right.is(Value::Sequence::kTuple));
}

Result<Value> Join(Rendering& rendering, const Value& left, const Value& right) {
  if (left.is(Kind::kString)) {
    VIVACE_RETURN_IF_ERROR(rendering.Charge(left.text().size() + right.text().size()));
    return Concat(left, right);
  }
  VIVACE_RETURN_IF_ERROR(rendering.Charge((left.list().size() + right.list().size()) * kBytesPerItem));
  Value::List joined = left.list();
  joined.insert(joined.end(), right.list().begin(), right.list().end());
  return Value::MakeList(std::move(joined), left.sequence());
}

}  // namespace

Result<Value> Arithmetic(Rendering& rendering, std::string_view op, const Value& left, const Value& right) {
  if (op == "+" && CanJoin(left, right)) return Join(rendering, left, right);
  if (op == "%" && left.is(Kind::kString)) return FormatPercent(rendering, left.text(), right);
  if (op == "*" && CanRepeat(left) && IsWhole(right)) return Repeat(rendering, left, Whole(right));
  if (op == "*" && CanRepeat(right) && IsWhole(left)) return Repeat(rendering, right, Whole(left));
  if (!left.IsNumeric() || !right.IsNumeric()) return NotDefined(op, left, right);
  if (IsWhole(left) && IsWhole(right) && op != "/") return WholeArithmetic(op, Whole(left), Whole(right));
  return RealArithmetic(op, left.AsNumber(), right.AsNumber());
}

Result<std::partial_ordering> Order(std::string_view op, const Value& left, const Value& right) {
  if (IsWhole(left) && IsWhole(right)) return std::partial_ordering(Whole(left) <=> Whole(right));
  if (left.IsNumeric() && right.IsNumeric()) return left.AsNumber() <=> right.AsNumber();
  if (left.is(Kind::kString) && right.is(Kind::kString)) {
    return std::partial_ordering(left.text().Join() <=>
                                 right.text().Join());  // UTF-8 sorts as code points do
  }
  const bool are_lists =
      left.is(Kind::kList) && right.is(Kind::kList) && left.sequence() == right.sequence() && CanRepeat(left);
  if (!are_lists) return NotDefined(op, left, right);
  const auto& a = left.list();
  const auto& b = right.list();
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (!(a[i] == b[i])) return Order(op, a[i], b[i]);
  }
  return std::partial_ordering(a.size() <=> b.size());
}

Result<Value> Compare(std::string_view op, const Value& left, const Value& right) {
  if (op == "in") return Contains(left, right);
  if (op == "==") return Value::Bool(left == right);
  if (op == "!=") return Value::Bool(!(left == right));
  VIVACE_ASSIGN_OR_RETURN(const std::partial_ordering order, Order(op, left, right));
  return Value::Bool(Holds(op, order));
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

Result<Value> Plus(const Value& value) {
  if (IsWhole(value)) return Value::Integer(Whole(value));
  if (value.is(Kind::kNumber)) return value;
  return InvalidArgument("\"+\" is not defined for " + std::string(value.KindName()));
}

std::string HashKey(const Value& value) {
  if (value.IsNumeric()) {
    const double number = value.AsNumber();
    const bool is_whole =
        !value.is(Kind::kNumber) || (std::floor(number) == number && std::fabs(number) < 9e15);
    if (!is_whole) return "n" + Value::Number(number).Print().Join();
    return "i" + std::to_string(value.is(Kind::kNumber) ? static_cast<std::int64_t>(number) : Whole(value));
  }
  if (value.is(Kind::kString)) return "s" + value.text().Join();
  if (value.is(Kind::kNone)) return "0";
  if (value.is(Kind::kUndefined)) return "u";
  if (value.is(Kind::kObject)) return "o" + std::to_string(reinterpret_cast<std::uintptr_t>(&value.object()));
  return (value.is(Value::Sequence::kTuple) ? "t" : "l") + value.Print().Join();
}

Status DictBuilder::Set(const Value& key, Value value) {
  if (key.is(Kind::kDict) || (key.is(Kind::kList) && !key.is(Value::Sequence::kTuple))) {
    return InvalidArgument(std::string(key.KindName()) + " cannot be the key of a dict");
  }
  const auto [place, is_new] = places_.emplace(HashKey(key), items_.size());
  if (is_new) {
    items_.emplace_back(key, std::move(value));
  } else {
    items_[place->second].second = std::move(value);
  }
  return Status::Ok();
}

}  // namespace vivace::chat
