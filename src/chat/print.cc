// How values are printed: str() and repr() of Python, with the origin of strings kept. What the printing adds
// (quotes, brackets, digits) is trusted: it spells no special token.
#include <array>
#include <charconv>
#include <cmath>

#include "chat/unicode.h"
#include "chat/value.h"

namespace vivace::chat {
namespace {

/// The shortest digits that read back, with ".0" where nothing else says it is not an integer.
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

void AppendHex(std::uint32_t code, int digits, std::string& out) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += "0123456789abcdef"[code >> shift & 15];
}

void AppendQuoted(std::uint32_t code, std::string_view bytes, char quote, std::string& out) {
  if (code == '\\' || code == static_cast<unsigned char>(quote)) {
    out += '\\';
    out += bytes;
  } else if (code == '\n') {
    out += "\\n";
  } else if (code == '\t') {
    out += "\\t";
  } else if (code == '\r') {
    out += "\\r";
  } else if (code == kNoCharacter || IsPrintable(code)) {
    out += bytes;
  } else if (code < 0x100) {
    out += "\\x";
    AppendHex(code, 2, out);
  } else if (code < 0x10000) {
    out += "\\u";
    AppendHex(code, 4, out);
  } else {
    out += "\\U";
    AppendHex(code, 8, out);
  }
}

Text Quote(const Text& text) {
  const std::string joined = text.Join();
  const bool has_single = joined.find('\'') != std::string::npos,
             has_double = joined.find('"') != std::string::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  Text out(std::string(1, quote), true);
  for (const Piece& piece : text.pieces()) {
    std::string quoted;
    std::string_view rest = piece.text;
    while (!rest.empty()) {
      const Character character = FirstCharacter(rest);
      AppendQuoted(character.code, rest.substr(0, character.bytes), quote, quoted);
      rest.remove_prefix(character.bytes);
    }
    out.Append(quoted, piece.from_template);
  }
  out.Append(std::string_view(&quote, 1), true);
  return out;
}

Text PrintList(const Value& value) {
  const bool is_tuple = value.sequence() == Value::Sequence::kTuple;
  Text out(is_tuple ? "(" : "[", true);
  const Value::List& items = value.list();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.Append(", ", true);
    out.Append(items[i].PrintQuoted());
  }
  if (is_tuple && items.size() == 1) out.Append(",", true);
  out.Append(is_tuple ? ")" : "]", true);
  return out;
}

Text PrintDict(const Value::Dict& items) {
  Text out("{", true);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.Append(", ", true);
    out.Append(items[i].first.PrintQuoted());
    out.Append(": ", true);
    out.Append(items[i].second.PrintQuoted());
  }
  out.Append("}", true);
  return out;
}

}  // namespace

Text Value::PrintQuoted() const {
  if (is(Kind::kUndefined)) return Text("Undefined", true);
  return is(Kind::kString) ? Quote(text()) : Print();
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
      return PrintList(*this);
    case Kind::kDict:
      return PrintDict(dict());
    case Kind::kObject:
      return Text("<" + std::string(object().KindName()) + ">", true);
  }
  return {};
}

}  // namespace vivace::chat
