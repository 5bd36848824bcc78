#include "chat/json_writer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status_macros.h"
#include "chat/operations.h"
#include "chat/unicode.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

constexpr std::int64_t kMaxIndent = 1000;

void AppendUtf16Escape(std::uint32_t unit, std::string& out) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[unit >> shift & 15];
}

void AppendEscaped(std::uint32_t code, std::string_view bytes, bool ascii_only, std::string& out) {
  constexpr std::string_view kNamed = "\"\\\n\r\t\f\b", kNames = "\"\\nrtfb";
  const std::size_t named = code < 0x80 ? kNamed.find(static_cast<char>(code)) : std::string_view::npos;
  if (named != std::string_view::npos) {
    out += '\\';
    out += kNames[named];
  } else if (code < 0x20) {
    AppendUtf16Escape(code, out);
  } else if (code < 0x7F || code == kNoCharacter || !ascii_only) {
    out += bytes;
  } else if (code < 0x10000) {
    AppendUtf16Escape(code, out);
  } else {
    AppendUtf16Escape(0xD800 + ((code - 0x10000) >> 10), out);
    AppendUtf16Escape(0xDC00 + ((code - 0x10000) & 0x3FF), out);
  }
}

std::string PrintNumber(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return Value::Number(number).Print().Join();
}

class Writer {
 public:
  Writer(Rendering& rendering, const JsonStyle& style) : rendering_(rendering), style_(style) {}

  Status Write(const Value& value, int depth) {
    VIVACE_RETURN_IF_ERROR(rendering_.Charge(8));
    switch (value.kind()) {
      case Kind::kString:
        return WriteString(value.text());
      case Kind::kList:
        if (value.is(Value::Sequence::kList) || value.is(Value::Sequence::kTuple)) {
          return WriteList(value.list(), depth);
        }
        break;
      case Kind::kDict:
        return WriteDict(value.dict(), depth);
      case Kind::kUndefined:
      case Kind::kObject:
        break;
      default:
        out_.Append(Plain(value), true);
        return Status::Ok();
    }
    return InvalidArgument("tojson cannot be applied to " + std::string(value.KindName()));
  }
  Text Finish() && { return std::move(out_); }

 private:
  static std::string Plain(const Value& value) {
    if (value.is(Kind::kNone)) return "null";
    if (value.is(Kind::kBool)) return value.boolean() ? "true" : "false";
    return value.is(Kind::kInteger) ? std::to_string(value.integer()) : PrintNumber(value.number());
  }

  Status WriteString(const Text& text) {
    VIVACE_RETURN_IF_ERROR(rendering_.Charge(2 * text.size()));
    out_.Append("\"", true);
    for (const Piece& piece : text.pieces()) {
      std::string escaped;
      std::string_view rest = piece.text;
      while (!rest.empty()) {
        const Character character = FirstCharacter(rest);
        AppendEscaped(character.code, rest.substr(0, character.bytes), style_.ascii_only, escaped);
        rest.remove_prefix(character.bytes);
      }
      out_.Append(escaped, piece.from_template);
    }
    out_.Append("\"", true);
    return Status::Ok();
  }

  /// The line end and indention before an item at `depth`.
  Status NewLine(int depth) {
    if (!style_.has_lines) return Status::Ok();
    VIVACE_RETURN_IF_ERROR(rendering_.ChargeProduct(static_cast<std::size_t>(depth), style_.indent.size()));
    out_.Append("\n", true);
    for (int i = 0; i < depth; ++i) out_.Append(style_.indent);
    return Status::Ok();
  }

  Status Separate(bool is_first, int depth) {
    if (!is_first) out_.Append(style_.item_separator);
    return NewLine(depth);
  }

  Status WriteList(const Value::List& items, int depth) {
    out_.Append("[", true);
    for (std::size_t i = 0; i < items.size(); ++i) {
      VIVACE_RETURN_IF_ERROR(Separate(i == 0, depth + 1));
      VIVACE_RETURN_IF_ERROR(Write(items[i], depth + 1));
    }
    if (!items.empty()) VIVACE_RETURN_IF_ERROR(NewLine(depth));
    out_.Append("]", true);
    return Status::Ok();
  }

  Status WriteDict(const Value::Dict& items, int depth) {
    std::vector<const std::pair<Value, Value>*> order;
    for (const auto& item : items) order.push_back(&item);
    if (style_.sort_keys) VIVACE_RETURN_IF_ERROR(Sort(order));
    out_.Append("{", true);
    for (std::size_t i = 0; i < order.size(); ++i) {
      VIVACE_RETURN_IF_ERROR(Separate(i == 0, depth + 1));
      VIVACE_RETURN_IF_ERROR(WriteKey(order[i]->first));
      out_.Append(style_.key_separator);
      VIVACE_RETURN_IF_ERROR(Write(order[i]->second, depth + 1));
    }
    if (!order.empty()) VIVACE_RETURN_IF_ERROR(NewLine(depth));
    out_.Append("}", true);
    return Status::Ok();
  }

  Status WriteKey(const Value& key) {
    if (key.is(Kind::kString)) return WriteString(key.text());
    if (!key.IsNumeric() && !key.is(Kind::kNone)) {
      return InvalidArgument("tojson: " + std::string(key.KindName()) + " cannot be a key");
    }
    out_.Append("\"" + Plain(key) + "\"", true);
    return Status::Ok();
  }

  static Status Sort(std::vector<const std::pair<Value, Value>*>& order) {
    Status status;
    std::stable_sort(order.begin(), order.end(), [&status](const auto* a, const auto* b) {
      const auto compared = Order("<", a->first, b->first);
      if (!compared.ok()) status = compared.status();
      return compared.ok() && *compared < 0;
    });
    return status;
  }

  Rendering& rendering_;
  const JsonStyle& style_;
  Text out_;
};

}  // namespace

Status SetIndent(const Value& indent, JsonStyle& style) {
  if (indent.is(Kind::kNone)) return Status::Ok();
  style.has_lines = true;
  style.item_separator = Text(",", true);
  if (indent.is(Kind::kString)) {
    style.indent = indent.text();
    return Status::Ok();
  }
  if (!indent.is(Kind::kInteger) && !indent.is(Kind::kBool)) {
    return InvalidArgument("the indent of tojson is " + std::string(indent.KindName()));
  }
  const std::int64_t width = indent.is(Kind::kBool) ? (indent.boolean() ? 1 : 0) : indent.integer();
  if (width > kMaxIndent) {
    return ResourceExhausted("the indent of tojson is " + std::to_string(width) + "; at most " +
                             std::to_string(kMaxIndent) + " is allowed");
  }
  if (width > 0) style.indent = Text(std::string(static_cast<std::size_t>(width), ' '), true);
  return Status::Ok();
}

Status SetSeparators(const Value& separators, JsonStyle& style) {
  if (separators.is(Kind::kNone)) return Status::Ok();
  const bool is_pair = separators.is(Kind::kList) && separators.list().size() == 2 &&
                       separators.list()[0].is(Kind::kString) && separators.list()[1].is(Kind::kString);
  if (!is_pair) return InvalidArgument("the separators of tojson are not two strings");
  style.item_separator = separators.list()[0].text();
  style.key_separator = separators.list()[1].text();
  return Status::Ok();
}

Result<Text> WriteJson(Rendering& rendering, const Value& value, const JsonStyle& style) {
  Writer writer(rendering, style);
  VIVACE_RETURN_IF_ERROR(writer.Write(value, 0));
  return std::move(writer).Finish();
}

}  // namespace vivace::chat
