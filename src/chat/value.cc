#include "chat/value.h"

#include <array>
#include <charconv>
#include <cmath>

namespace vivace::chat {
namespace {

/// A number as Python prints it: the shortest digits that read back, with ".0" where nothing else says it is
/// not an integer.
std::string PrintNumber(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 32> buffer;
  const double magnitude = std::fabs(value);
  const bool plain = value == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer.data(), end.ptr);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

/// A string inside a printed list or dict: quoted and escaped as Python does.
Text Quote(const Text& text) {
  const std::string joined = text.Join();
  const bool has_single = joined.find('\'') != std::string::npos,
             has_double = joined.find('"') != std::string::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  Text out(std::string(1, quote), true);
  for (const Piece& piece : text.pieces()) {
    std::string escaped;
    for (const char c : piece.text) {
      if (c == '\\' || c == quote)
        escaped += {'\\', c};
      else if (c == '\n')
        escaped += "\\n";
      else if (c == '\t')
        escaped += "\\t";
      else if (c == '\r')
        escaped += "\\r";
      else
        escaped += c;
    }
    out.Append(escaped, piece.from_template);
  }
  out.Append(std::string_view(&quote, 1), true);
  return out;
}

Text PrintItem(const Value& value) {
  return value.is(Value::Kind::kString) ? Quote(value.text()) : value.Print();
}

Text PrintList(const Value::List& items) {
  Text out("[", true);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.Append(", ", true);
    out.Append(PrintItem(items[i]));
  }
  out.Append("]", true);
  return out;
}

Text PrintDict(const Value::Dict& items) {
  Text out("{", true);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.Append(", ", true);
    out.Append(Quote(Text(items[i].first, false)));
    out.Append(": ", true);
    out.Append(PrintItem(items[i].second));
  }
  out.Append("}", true);
  return out;
}

bool IsNumeric(const Value& value) {
  return value.is(Value::Kind::kBool) || value.is(Value::Kind::kInteger) || value.is(Value::Kind::kNumber);
}

}  // namespace

void Text::Append(std::string_view text, bool from_template) {
  if (text.empty()) return;
  if (!pieces_.empty() && pieces_.back().from_template == from_template) {
    pieces_.back().text.append(text);
  } else {
    pieces_.push_back({std::string(text), from_template});
  }
}

void Text::Append(const Text& other) {
  for (const Piece& piece : other.pieces_) Append(piece.text, piece.from_template);
}

std::size_t Text::size() const {
  std::size_t bytes = 0;
  for (const Piece& piece : pieces_) bytes += piece.text.size();
  return bytes;
}

std::string Text::Join() const {
  std::string joined;
  for (const Piece& piece : pieces_) joined += piece.text;
  return joined;
}

Value::Value() = default;
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

Value Value::None() {
  Value value;
  value.data_ = NoneTag{};
  return value;
}
Value Value::Bool(bool flag) {
  Value value;
  value.data_ = flag;
  return value;
}
Value Value::Integer(std::int64_t number) {
  Value value;
  value.data_ = number;
  return value;
}
Value Value::Number(double number) {
  Value value;
  value.data_ = number;
  return value;
}
Value Value::Data(std::string text) {
  return String(Text(std::move(text), false));
}
Value Value::Trusted(std::string text) {
  return String(Text(std::move(text), true));
}
Value Value::String(Text text) {
  Value value;
  value.data_ = std::make_shared<const Text>(std::move(text));
  return value;
}
Value Value::MakeList(List items) {
  Value value;
  value.data_ = std::make_shared<const List>(std::move(items));
  return value;
}
Value Value::MakeDict(Dict items) {
  Value value;
  value.data_ = std::make_shared<const Dict>(std::move(items));
  return value;
}

const Value* Value::Find(std::string_view key) const {
  if (!is(Kind::kDict)) return nullptr;
  for (const auto& [name, value] : dict()) {
    if (name == key) return &value;
  }
  return nullptr;
}

double Value::AsNumber() const {
  if (is(Kind::kBool)) return boolean() ? 1 : 0;
  return is(Kind::kInteger) ? static_cast<double>(integer()) : number();
}

bool Value::Truthy() const {
  switch (kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return boolean();
    case Kind::kInteger:
      return integer() != 0;
    case Kind::kNumber:
      return number() != 0;
    case Kind::kString:
      return !text().empty();
    case Kind::kList:
      return !list().empty();
    case Kind::kDict:
      return !dict().empty();
  }
  return false;
}

Text Value::Print() const {
  switch (kind()) {
    case Kind::kUndefined:
      return {};
    case Kind::kNone:
      return Text("None", true);
    case Kind::kBool:
      return Text(boolean() ? "True" : "False", true);
    case Kind::kInteger:
      return Text(std::to_string(integer()), true);
    case Kind::kNumber:
      return Text(PrintNumber(number()), true);
    case Kind::kString:
      return text();
    case Kind::kList:
      return PrintList(list());
    case Kind::kDict:
      return PrintDict(dict());
  }
  return {};
}

std::string_view Value::KindName() const {
  constexpr std::string_view kNames[] = {"undefined", "none",     "a boolean", "an integer",
                                         "a number",  "a string", "a list",    "a dict"};
  return kNames[data_.index()];
}

bool operator==(const Value& a, const Value& b) {
  if (a.is(Value::Kind::kInteger) && b.is(Value::Kind::kInteger)) return a.integer() == b.integer();
  if (IsNumeric(a) && IsNumeric(b)) return a.AsNumber() == b.AsNumber();
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::kString:
      return a.text().Join() == b.text().Join();
    case Value::Kind::kList:
      return a.list() == b.list();
    case Value::Kind::kDict:
      return a.dict() == b.dict();
    default:
      return true;  // undefined, none
  }
}

}  // namespace vivace::chat
