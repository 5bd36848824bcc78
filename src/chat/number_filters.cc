// Filters that make numbers.
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "base/status_macros.h"
#include "chat/builtins.h"
#include "chat/operations.h"
#include "chat/text_edit.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

constexpr double kTwoTo63 = 9223372036854775808.0;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

/// The text without white space around it and without underscores between digits; nothing where one stands
/// elsewhere.
std::optional<std::string> Digits(const Text& text) {
  const std::string stripped = Strip(text, std::nullopt).Join();
  std::string out;
  for (std::size_t i = 0; i < stripped.size(); ++i) {
    if (stripped[i] != '_') {
      out += stripped[i];
      continue;
    }
    const bool is_between = i > 0 && i + 1 < stripped.size() &&
                            std::isalnum(static_cast<unsigned char>(stripped[i - 1])) != 0 &&
                            std::isalnum(static_cast<unsigned char>(stripped[i + 1])) != 0;
    if (!is_between) return std::nullopt;
  }
  return out;
}

std::optional<std::int64_t> ReadInteger(const Text& text, std::int64_t base) {
  const auto digits = Digits(text);
  if (!digits || (base != 0 && (base < 2 || base > 36))) return std::nullopt;
  std::string_view rest = *digits;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.size() > 2 && rest[0] == '0') {
    const char letter = static_cast<char>(rest[1] | 0x20);
    const int prefix = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (prefix != 0 && (base == prefix || base == 0)) {
      base = prefix;
      rest.remove_prefix(2);
    }
  }
  if (rest.empty() || rest[0] == '-') return std::nullopt;
  std::int64_t value = 0;
  const std::string whole = (negative ? "-" : "") + std::string(rest);
  const auto read = std::from_chars(whole.data(), whole.data() + whole.size(), value,
                                    base == 0 ? 10 : static_cast<int>(base));
  if (read.ec != std::errc() || read.ptr != whole.data() + whole.size()) return std::nullopt;
  return value;
}

std::optional<double> ReadNumber(const Text& text) {
  const auto digits = Digits(text);
  if (!digits) return std::nullopt;
  std::string_view rest = *digits;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  std::string lower(rest);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  double value = 0;
  if (lower == "inf" || lower == "infinity") {
    value = HUGE_VAL;
  } else if (lower == "nan") {
    value = std::nan("");
  } else {
    if (lower.empty() || (!IsDigit(lower[0]) && lower[0] != '.')) return std::nullopt;
    const auto read = std::from_chars(lower.data(), lower.data() + lower.size(), value);
    if (read.ptr != lower.data() + lower.size()) return std::nullopt;
    if (read.ec == std::errc::result_out_of_range)
      value = lower.find("e-") == std::string::npos ? HUGE_VAL : 0;
    else if (read.ec != std::errc())
      return std::nullopt;
  }
  return negative ? -value : value;
}

Result<Value> Truncate(double number) {
  if (std::isnan(number)) return InvalidArgument("int of a number that is none (nan)");
  if (!(number > -kTwoTo63 && number < kTwoTo63)) return InvalidArgument("int of a number that is too large");
  return Value::Integer(static_cast<std::int64_t>(number));
}

Result<Value> AsInteger(Use& use) {
  const Value otherwise = use.Has(0) ? use.values[0] : Value::Integer(0);
  switch (use.self.kind()) {
    case Kind::kBool:
      return Value::Integer(use.self.boolean() ? 1 : 0);
    case Kind::kInteger:
      return use.self;
    case Kind::kNumber:
      return std::isnan(use.self.number()) ? Result<Value>(otherwise) : Truncate(use.self.number());
    case Kind::kString: {
      VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
      std::int64_t base = 10;
      if (use.Has(1)) {
        VIVACE_ASSIGN_OR_RETURN(base, WantInteger("the base of int", use.values[1]));
      }
      if (const auto integer = ReadInteger(use.self.text(), base)) return Value::Integer(*integer);
      const auto number = ReadNumber(use.self.text());
      if (!number || std::isnan(*number) || std::isinf(*number)) return otherwise;
      return Truncate(*number);
    }
    case Kind::kUndefined:
      return InvalidArgument("int is asked of something undefined");
    default:
      return otherwise;
  }
}

Result<Value> AsNumber(Use& use) {
  const Value otherwise = use.Has(0) ? use.values[0] : Value::Number(0);
  if (use.self.IsNumeric()) return Value::Number(use.self.AsNumber());
  if (use.self.is(Kind::kUndefined)) return InvalidArgument("float is asked of something undefined");
  if (!use.self.is(Kind::kString)) return otherwise;
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  const auto number = ReadNumber(use.self.text());
  return number ? Value::Number(*number) : otherwise;
}

/// round() of Python: to the nearest decimal, and where two are as near, to the even one.
double RoundTo(double value, std::int64_t precision) {
  if (!std::isfinite(value) || precision > 300) return value;
  if (precision < -310) return std::copysign(0.0, value);
  if (precision < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-precision));
    return std::nearbyint(value / unit) * unit;
  }
  std::array<char, 700> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                 std::chars_format::fixed, static_cast<int>(precision));
  double rounded = value;
  std::from_chars(digits.data(), end.ptr, rounded);
  return rounded;
}

/// Of an integer, to a multiple of 10, 100, ...
Result<Value> RoundInteger(std::int64_t value, std::int64_t precision) {
  if (precision >= 0) return Value::Integer(value);
  if (precision < -18) return Value::Integer(0);
  std::int64_t unit = 1;
  for (std::int64_t i = precision; i < 0; ++i) unit *= 10;
  const std::int64_t rest = ((value % unit) + unit) % unit, down = value - rest;
  const bool up = rest > unit / 2 || (rest == unit / 2 && (down / unit) % 2 != 0);
  return Value::Integer(up ? down + unit : down);
}

Result<Value> Round(Use& use) {
  std::int64_t precision = 0;
  if (use.Has(0)) {
    VIVACE_ASSIGN_OR_RETURN(precision, WantInteger("the precision of round", use.values[0]));
  }
  const std::string method = use.Has(1) ? use.values[1].Print().Join() : "common";
  if (method != "common" && method != "ceil" && method != "floor") {
    return InvalidArgument("round knows common, ceil and floor, not \"" + method + "\"");
  }
  if (!use.self.IsNumeric()) return WrongKind("round", use.self);
  if (method == "common") {
    if (use.self.is(Kind::kNumber)) return Value::Number(RoundTo(use.self.number(), precision));
    return RoundInteger(use.self.is(Kind::kBool) ? use.self.boolean() : use.self.integer(), precision);
  }
  const double unit = std::pow(10.0, static_cast<double>(precision));
  const double scaled = use.self.AsNumber() * unit;
  if (!std::isfinite(scaled) || unit == 0) return InvalidArgument("round: the number is too large");
  return Value::Number((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

Result<Value> Absolute(Use& use) {
  if (!use.self.IsNumeric()) return WrongKind("abs", use.self);
  if (use.self.is(Kind::kNumber)) return Value::Number(std::fabs(use.self.number()));
  const Value value = Value::Integer(use.self.is(Kind::kBool) ? use.self.boolean() : use.self.integer());
  return value.integer() < 0 ? Negate(value) : Result<Value>(value);
}

constexpr Builtin kRows[] = {
    {"int", 0, "default,base", AsInteger},
    {"float", 0, "default", AsNumber},
    {"round", 0, "precision,method", Round},
    {"abs", 0, "", Absolute},
};

}  // namespace

std::span<const Builtin> NumberFilters() {
  return kRows;
}

}  // namespace vivace::chat
