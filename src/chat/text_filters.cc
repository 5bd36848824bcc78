// Filters that make text. Origins are kept.
#include <string>

#include "base/status_macros.h"
#include "chat/builtins.h"
#include "chat/casing.h"
#include "chat/json_reader.h"
#include "chat/json_writer.h"
#include "chat/string_format.h"
#include "chat/text_edit.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

Result<Value> Trim(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Text text, WantText(use, use.self));
  if (!use.Has(0) || use.values[0].is(Kind::kNone)) return Value::String(Strip(text, std::nullopt));
  if (!use.values[0].is(Kind::kString)) return WrongKind("trim", use.values[0]);
  return Value::String(Strip(text, use.values[0].text().Join()));
}

template <Case style>
Result<Value> Cased(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Text text, WantText(use, use.self));
  return Value::String(ChangeCase(text, style));
}

Result<Value> AsText(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(Text text, WantText(use, use.self));
  return Value::String(std::move(text));
}

/// Without autoescape there is nothing that a text could be safe from.
Result<Value> Safe(Use& use) {
  return AsText(use);
}

Result<Value> ReplaceText(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Text text, WantText(use, use.self));
  VIVACE_ASSIGN_OR_RETURN(const Text old, WantText(use, use.values[0]));
  VIVACE_ASSIGN_OR_RETURN(const Text with, WantText(use, use.values[1]));
  std::int64_t count = -1;
  if (use.Has(2) && !use.values[2].is(Kind::kNone)) {
    VIVACE_ASSIGN_OR_RETURN(count, WantInteger("the count of replace", use.values[2]));
  }
  VIVACE_ASSIGN_OR_RETURN(Text replaced, Replace(use.rendering, text, old, with, count));
  return Value::String(std::move(replaced));
}

Result<Value> Join(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.self));
  Text separator, out;
  if (use.Has(0)) {
    VIVACE_ASSIGN_OR_RETURN(separator, WantText(use, use.values[0]));
  }
  for (std::size_t i = 0; i < items.list().size(); ++i) {
    Value item = items.list()[i];
    if (use.Has(1) && !use.values[1].is(Kind::kNone)) {
      VIVACE_ASSIGN_OR_RETURN(item, AttributeByPath(use.rendering, item, use.values[1]));
    }
    VIVACE_RETURN_IF_ERROR(use.rendering.Charge(separator.size()));
    VIVACE_RETURN_IF_ERROR(use.rendering.ChargeWhole(item));
    if (i > 0) out.Append(separator);
    out.Append(item.Print());
    VIVACE_RETURN_IF_ERROR(use.rendering.CheckLength(out.size()));
  }
  return Value::String(std::move(out));
}

/// The text that each line is indented with.
Result<Text> Indention(Use& use) {
  if (use.Has(0) && use.values[0].is(Kind::kString)) return use.values[0].text();
  std::int64_t width = 4;
  if (use.Has(0)) {
    VIVACE_ASSIGN_OR_RETURN(width, WantInteger("the width of indent", use.values[0]));
  }
  return Pad(use.rendering, Text(), width, '>', " ");
}

Result<Value> Indent(Use& use) {
  if (!use.self.is(Kind::kString)) return WrongKind("indent", use.self);
  VIVACE_ASSIGN_OR_RETURN(Text text, WantText(use, use.self));
  VIVACE_ASSIGN_OR_RETURN(const Text indention, Indention(use));
  const bool first = use.Has(1) && use.values[1].Truthy(), blank = use.Has(2) && use.values[2].Truthy();
  text.Append("\n", true);  // a line end at the end stays one
  const auto lines = SplitLines(text);
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(lines.size(), indention.size() + 1));
  Text out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.Append("\n", true);
    if (i > 0 ? blank || !lines[i].empty() : first) out.Append(indention);
    out.Append(lines[i]);
  }
  return Value::String(std::move(out));
}

Result<Value> FormatFilter(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Text format, WantText(use, use.self));
  if (use.named.empty()) {
    return FormatPercent(use.rendering, format, Value::MakeList(use.values, Value::Sequence::kTuple));
  }
  if (!use.values.empty()) return InvalidArgument("format takes arguments by place or by name, not both");
  Value::Dict named;
  for (const auto& [name, value] : use.named) named.emplace_back(Value::Trusted(name), value);
  return FormatPercent(use.rendering, format, Value::MakeDict(std::move(named)));
}

Result<Value> ToJson(Use& use) {
  JsonStyle style;
  style.ascii_only = use.Has(0) && use.values[0].Truthy();
  if (use.Has(1)) {
    VIVACE_RETURN_IF_ERROR(SetIndent(use.values[1], style));
  }
  if (use.Has(2)) {
    VIVACE_RETURN_IF_ERROR(SetSeparators(use.values[2], style));
  }
  style.sort_keys = use.Has(3) && use.values[3].Truthy();
  VIVACE_ASSIGN_OR_RETURN(Text text, WriteJson(use.rendering, use.self, style));
  return Value::String(std::move(text));
}

Result<Value> FromJson(Use& use) {
  if (!use.self.is(Kind::kString)) return WrongKind("from_json", use.self);
  const Text& text = use.self.text();
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(text.size(), 16));  // a value takes more than its text
  return ParseJson(text.Join(), text.IsTrusted());
}

constexpr Builtin kRows[] = {
    {"trim", 0, "chars", Trim},
    {"upper", 0, "", Cased<Case::kUpper>},
    {"lower", 0, "", Cased<Case::kLower>},
    {"title", 0, "", Cased<Case::kWords>},
    {"capitalize", 0, "", Cased<Case::kCapitalize>},
    {"string", 0, "", AsText},
    {"safe", 0, "", Safe},
    {"replace", 2, "old,new,count", ReplaceText},
    {"join", 0, "d,attribute", Join},
    {"indent", 0, "width,first,blank", Indent},
    {"format", 0, kAny, FormatFilter},
    {"tojson", 0, "ensure_ascii,indent,separators,sort_keys", ToJson},
    {"from_json", 0, "", FromJson},
};

}  // namespace

std::span<const Builtin> TextFilters() {
  return kRows;
}

}  // namespace vivace::chat
