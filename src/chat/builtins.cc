#include "chat/builtins.h"

#include <algorithm>

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

Status WrongKind(std::string_view filter, const Value& value) {
  return InvalidArgument(std::string(filter) + " cannot be applied to " + std::string(value.KindName()));
}

/// The bytes of the white-space character (as Python's str.strip has it) that the text begins with, or 0.
std::size_t LeadingSpace(std::string_view text) {
  const auto c = static_cast<unsigned char>(text[0]);
  if ((c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20)) return 1;
  if (text.starts_with("\xC2\x85") || text.starts_with("\xC2\xA0")) return 2;
  if (text.size() < 3) return 0;
  const std::string_view three = text.substr(0, 3);
  for (const std::string_view space :
       {"\xE1\x9A\x80", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"}) {
    if (three == space) return 3;
  }
  const auto last = static_cast<unsigned char>(three[2]);
  return three.starts_with("\xE2\x80") && last >= 0x80 && last <= 0x8A ? 3 : 0;
}

/// The same at the end of the text.
std::size_t TrailingSpace(std::string_view text) {
  for (std::size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    if (LeadingSpace(text.substr(text.size() - length)) == length) return length;
  }
  return 0;
}

std::string_view StripLeft(std::string_view text) {
  while (!text.empty()) {
    const std::size_t space = LeadingSpace(text);
    if (space == 0) break;
    text.remove_prefix(space);
  }
  return text;
}

std::string_view StripRight(std::string_view text) {
  while (!text.empty()) {
    const std::size_t space = TrailingSpace(text);
    if (space == 0) break;
    text.remove_suffix(space);
  }
  return text;
}

Text Strip(const Text& text) {
  std::vector<std::string_view> kept;
  for (const Piece& piece : text.pieces()) kept.push_back(piece.text);
  for (auto& part : kept) {
    part = StripLeft(part);
    if (!part.empty()) break;
  }
  for (auto part = kept.rbegin(); part != kept.rend(); ++part) {
    *part = StripRight(*part);
    if (!part->empty()) break;
  }
  Text out;
  for (std::size_t i = 0; i < kept.size(); ++i) out.Append(kept[i], text.pieces()[i].from_template);
  return out;
}

Result<Value> Trim(const Value& value, std::span<const Value>) {
  return Value::String(Strip(value.Print()));
}

Result<Value> Default(const Value& value, std::span<const Value> arguments) {
  const bool when_false = arguments.size() > 1 && arguments[1].Truthy();
  if (!value.is(Kind::kUndefined) && (!when_false || value.Truthy())) return value;
  return arguments.empty() ? Value::Trusted("") : arguments[0];
}

Result<Value> Length(const Value& value, std::span<const Value>) {
  const auto integer = [](std::size_t n) { return Value::Integer(static_cast<std::int64_t>(n)); };
  if (value.is(Kind::kUndefined)) return integer(0);
  if (value.is(Kind::kList)) return integer(value.list().size());
  if (value.is(Kind::kDict)) return integer(value.dict().size());
  if (!value.is(Kind::kString)) return WrongKind("length", value);
  const std::string text = value.text().Join();  // characters, not bytes
  return integer(static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; })));
}

/// ASCII letters only: other scripts would need tables that no known template asks for, so they are refused,
/// not left as they are.
Result<Value> ChangeCase(const Value& value, char from_low, char from_high, std::string_view filter) {
  Text out;
  const Text text = value.Print();
  for (const Piece& piece : text.pieces()) {
    std::string changed = piece.text;
    for (char& c : changed) {
      if ((c & 0x80) != 0) return Unsupported(std::string(filter) + " of text beyond ASCII is not supported");
      if (c >= from_low && c <= from_high) c = static_cast<char>(c ^ 0x20);
    }
    out.Append(changed, piece.from_template);
  }
  return Value::String(std::move(out));
}

Result<Value> Upper(const Value& value, std::span<const Value>) {
  return ChangeCase(value, 'a', 'z', "upper");
}
Result<Value> Lower(const Value& value, std::span<const Value>) {
  return ChangeCase(value, 'A', 'Z', "lower");
}

Result<Value> RaiseException(std::span<const Value> arguments) {
  return InvalidArgument(arguments[0].Print().Join());
}

constexpr Filter kFilters[] = {
    {"trim", 0, 0, Trim},    {"default", 0, 2, Default}, {"d", 0, 2, Default},   {"length", 0, 0, Length},
    {"count", 0, 0, Length}, {"upper", 0, 0, Upper},     {"lower", 0, 0, Lower},
};

constexpr Test kTests[] = {
    {"defined", [](const Value& v) { return !v.is(Kind::kUndefined); }},
    {"undefined", [](const Value& v) { return v.is(Kind::kUndefined); }},
    {"none", [](const Value& v) { return v.is(Kind::kNone); }},
    {"string", [](const Value& v) { return v.is(Kind::kString); }},
    {"mapping", [](const Value& v) { return v.is(Kind::kDict); }},
    {"sequence",
     [](const Value& v) {
       return v.is(Kind::kList) || v.is(Kind::kDict) || v.is(Kind::kString) || v.is(Kind::kUndefined);
     }},
    {"iterable",
     [](const Value& v) {
       return v.is(Kind::kList) || v.is(Kind::kDict) || v.is(Kind::kString) || v.is(Kind::kUndefined);
     }},
    {"boolean", [](const Value& v) { return v.is(Kind::kBool); }},
    {"true", [](const Value& v) { return v.is(Kind::kBool) && v.boolean(); }},
    {"false", [](const Value& v) { return v.is(Kind::kBool) && !v.boolean(); }},
    {"integer", [](const Value& v) { return v.is(Kind::kInteger); }},
    {"float", [](const Value& v) { return v.is(Kind::kNumber); }},
    {"number",
     [](const Value& v) { return v.is(Kind::kInteger) || v.is(Kind::kNumber) || v.is(Kind::kBool); }},
};

constexpr Function kFunctions[] = {
    {"raise_exception", 1, 1, RaiseException},
};

template <class Row>
const Row* FindRow(std::span<const Row> rows, std::string_view name) {
  const auto row = std::find_if(rows.begin(), rows.end(), [name](const Row& r) { return r.name == name; });
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace

const Filter* FindFilter(std::string_view name) {
  return FindRow(std::span<const Filter>(kFilters), name);
}
const Test* FindTest(std::string_view name) {
  return FindRow(std::span<const Test>(kTests), name);
}
const Function* FindFunction(std::string_view name) {
  return FindRow(std::span<const Function>(kFunctions), name);
}

}  // namespace vivace::chat
