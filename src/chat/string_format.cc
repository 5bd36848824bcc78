#include "chat/string_format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/status_macros.h"
#include "chat/text_edit.h"
#include "chat/unicode.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

bool IsOneOf(char c, std::string_view set) {
  return c != '\0' && set.find(c) != std::string_view::npos;
}

void InsertCommas(std::string& digits) {
  const std::size_t end = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (std::size_t at = end; at > 3; at -= 3) digits.insert(at - 3, ",");
}

/// The digits of an integer without its sign, in the base of `type`.
std::string WholeDigits(std::int64_t value, const FieldStyle& style) {
  const int base = IsOneOf(style.type, "xX") ? 16 : style.type == 'o' ? 8 : style.type == 'b' ? 2 : 10;
  std::array<char, 80> buffer;
  const std::uint64_t magnitude =
      value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base);
  std::string digits(buffer.data(), end.ptr);
  if (style.type == 'X')
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](char c) { return static_cast<char>(c >= 'a' ? c - 32 : c); });
  if (style.precision > static_cast<int>(digits.size())) {
    digits.insert(0, static_cast<std::size_t>(style.precision) - digits.size(), '0');
  }
  if (style.thousands) InsertCommas(digits);
  if (style.alternate && base != 10) digits.insert(0, std::string("0") + style.type);
  return digits;
}

/// The digits of a number without its sign.
std::string RealDigits(double value, const FieldStyle& style) {
  value = std::fabs(value);
  if (style.type == '\0' && style.precision < 0) {
    std::string digits = Value::Number(value).Print().Join();
    if (style.thousands) InsertCommas(digits);
    return digits;
  }
  const bool percent = style.type == '%';
  if (std::isinf(value) || std::isnan(value))
    return std::string(std::isinf(value) ? "inf" : "nan") + (percent ? "%" : "");
  const char conversion = percent ? 'f' : style.type == '\0' ? 'g' : style.type;
  const int precision = style.precision < 0 ? 6 : style.precision;
  const char format[] = {'%', '.', '*', conversion, '\0'};
  std::array<char, 512> buffer;
  const int length =
      std::snprintf(buffer.data(), buffer.size(), format, precision, percent ? value * 100 : value);
  std::string digits(buffer.data(), static_cast<std::size_t>(std::clamp(length, 0, 511)));
  if (style.thousands) InsertCommas(digits);
  return percent ? digits + "%" : digits;
}

Result<Text> FormatNumber(Rendering& rendering, const Value& value, const FieldStyle& style) {
  const bool wants_real = IsOneOf(style.type, "eEfFgG%");
  const bool is_real = value.is(Kind::kNumber) || wants_real;
  if (!IsOneOf(style.type, "dxXobeEfFgG%") && style.type != '\0') {
    return InvalidArgument(std::string("the format \"") + style.type + "\" is not for numbers");
  }
  if (value.is(Kind::kNumber) && !wants_real && style.type != '\0') {
    return InvalidArgument(std::string("the format \"") + style.type +
                           "\" is not for numbers with a fraction");
  }
  const std::int64_t whole = value.is(Kind::kBool)                ? (value.boolean() ? 1 : 0)
                             : is_real && value.is(Kind::kNumber) ? 0
                                                                  : value.integer();
  const bool negative = is_real ? std::signbit(value.AsNumber()) : whole < 0;
  const std::string sign = negative ? "-" : style.sign == '-' ? "" : std::string(1, style.sign);
  std::string digits = is_real ? RealDigits(value.AsNumber(), style) : WholeDigits(whole, style);
  const char align = style.align == '\0' ? '>' : style.align;
  if (align != '=') return Pad(rendering, Text(sign + digits, true), style.width, align, style.fill);
  const auto room = style.width - static_cast<std::int64_t>(sign.size());
  VIVACE_ASSIGN_OR_RETURN(const Text padded, Pad(rendering, Text(digits, true), room, '>', style.fill));
  Text out(sign, true);
  out.Append(padded);
  return out;
}

/// Reads a field's style after its colon.
Result<FieldStyle> ReadStyle(std::string_view spec) {
  FieldStyle style;
  const std::string_view whole = spec;
  const auto take = [&spec] {
    const char c = spec.front();
    spec.remove_prefix(1);
    return c;
  };
  if (!spec.empty()) {
    const std::size_t first = FirstCharacter(spec).bytes;
    if (spec.size() > first && IsOneOf(spec[first], "<>^=")) {
      style.fill = spec.substr(0, first);
      style.align = spec[first];
      spec.remove_prefix(first + 1);
    } else if (IsOneOf(spec[0], "<>^=")) {
      style.align = take();
    }
  }
  if (!spec.empty() && IsOneOf(spec[0], "+- ")) style.sign = take();
  if (spec.starts_with('#')) style.alternate = take() == '#';
  if (spec.starts_with('0') && style.align == '\0') {
    style.fill = "0";
    style.align = '=';
  }
  const auto read = [&spec](auto& number) {
    const auto end = std::from_chars(spec.data(), spec.data() + spec.size(), number);
    const bool ok = end.ec == std::errc();
    spec.remove_prefix(static_cast<std::size_t>(end.ptr - spec.data()));
    return ok;
  };
  if (!spec.empty() && spec[0] >= '0' && spec[0] <= '9' && !read(style.width)) {
    return InvalidArgument("the width of a format is too large");
  }
  if (spec.starts_with(',')) style.thousands = take() == ',';
  if (spec.starts_with('.')) {
    take();
    if (!read(style.precision) || style.precision < 0)
      return InvalidArgument("the precision of a format is wrong");
  }
  if (!spec.empty()) style.type = take();
  if (!spec.empty()) return InvalidArgument("the format \"" + std::string(whole) + "\" is not supported");
  return style;
}

/// The fields of a format string.
class BraceFormatter {
 public:
  explicit BraceFormatter(Use& use) : use_(use), cutter_(use.self.text()), format_(cutter_.bytes()) {}

  Result<Text> Run() {
    for (std::size_t at = 0; at < format_.size();) {
      const std::size_t brace = std::min(format_.find_first_of("{}", at), format_.size());
      out_.Append(cutter_.Cut(at, brace));
      if (brace == format_.size()) break;
      if (brace + 1 < format_.size() && format_[brace + 1] == format_[brace]) {
        out_.Append(cutter_.Cut(brace, brace + 1));
        at = brace + 2;
        continue;
      }
      const std::size_t end = format_.find_first_of("{}", brace + 1);
      if (format_[brace] == '}' || end == std::string_view::npos) {
        return InvalidArgument("a brace of a format has no partner");
      }
      if (format_[end] == '{') return Unsupported("fields within fields of a format are not supported");
      VIVACE_RETURN_IF_ERROR(AppendField(format_.substr(brace + 1, end - brace - 1)));
      at = end + 1;
    }
    return std::move(out_);
  }

 private:
  Status AppendField(std::string_view field) {
    const std::size_t colon = std::min(field.find(':'), field.size());
    std::string_view name = field.substr(0, colon);
    const std::string_view spec = colon < field.size() ? field.substr(colon + 1) : std::string_view();
    char conversion = '\0';
    if (const std::size_t mark = name.find('!'); mark != std::string_view::npos) {
      conversion = mark + 2 == name.size() ? name[mark + 1] : '?';
      if (!IsOneOf(conversion, "rs")) return InvalidArgument("a conversion of a format is neither !r nor !s");
      name = name.substr(0, mark);
    }
    auto value = FindValue(name);
    if (!value.ok()) return value.status();
    VIVACE_RETURN_IF_ERROR(use_.rendering.ChargeWhole(*value));
    if (conversion == 'r') value = Value::String(value->PrintQuoted());
    if (conversion == 's') value = Value::String(value->Print());
    auto style = ReadStyle(spec);
    if (!style.ok()) return style.status();
    auto text = FormatField(use_.rendering, *value, *style);
    if (!text.ok()) return text.status();
    out_.Append(*text);
    return Status::Ok();
  }

  Result<Value> FindValue(std::string_view name) {
    const std::size_t end = std::min(name.find_first_of(".["), name.size());
    if (end < name.size()) return Unsupported("attributes in the fields of a format are not supported");
    if (name.empty()) return ByPlace(next_++);
    std::size_t place = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), place);
    if (read.ec == std::errc() && read.ptr == name.data() + name.size()) return ByPlace(place);
    for (const auto& [known, value] : use_.named) {
      if (known == name) return value;
    }
    return InvalidArgument("format has no argument \"" + std::string(name) + "\"");
  }

  Result<Value> ByPlace(std::size_t place) const {
    if (place < use_.values.size()) return use_.values[place];
    return InvalidArgument("format has " + std::to_string(use_.values.size()) + " arguments, not " +
                           std::to_string(place + 1));
  }

  Use& use_;
  Cutter cutter_;
  std::string_view format_;
  std::size_t next_ = 0;
  Text out_;
};

}  // namespace

Result<Text> FormatField(Rendering& rendering, const Value& value, const FieldStyle& style) {
  const bool is_number = value.IsNumeric() && !(value.is(Kind::kBool) && style.type == '\0');
  if (is_number && style.type != 's') {
    if (style.precision > kMaxPrecision) return InvalidArgument("the precision of a format is too large");
    return FormatNumber(rendering, value, style);
  }
  if (style.type != '\0' && style.type != 's') {
    return InvalidArgument(std::string("the format \"") + style.type + "\" is not for " +
                           std::string(value.KindName()));
  }
  Text text = value.Print();
  if (style.precision >= 0) {
    const Cutter cutter(text);
    const auto starts = CharacterStarts(cutter.bytes());
    const auto kept = std::min(static_cast<std::size_t>(style.precision), starts.size() - 1);
    text = cutter.Cut(0, starts[kept]);
  }
  const char align = style.align == '\0' || style.align == '=' ? '<' : style.align;
  return Pad(rendering, text, style.width, align, style.align == '=' ? " " : style.fill);
}

Result<Value> FormatBraces(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  VIVACE_ASSIGN_OR_RETURN(Text text, BraceFormatter(use).Run());
  return Value::String(std::move(text));
}

}  // namespace vivace::chat
