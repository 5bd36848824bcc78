// The methods of strings, as Python has them. Those without a function are known and refused.
#include <algorithm>
#include <optional>
#include <string>

#include "base/status_macros.h"
#include "chat/builtins.h"
#include "chat/casing.h"
#include "chat/string_format.h"
#include "chat/text_edit.h"
#include "chat/unicode.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

/// The string of an argument, or nothing where it is not given or none.
Result<std::optional<std::string>> MaybeString(const Use& use, std::size_t place, std::string_view method) {
  if (!use.Has(place) || use.values[place].is(Kind::kNone)) return std::optional<std::string>();
  if (!use.values[place].is(Kind::kString)) {
    return InvalidArgument("an argument of " + std::string(method) + " is " +
                           std::string(use.values[place].KindName()) + ", not a string");
  }
  return std::optional<std::string>(use.values[place].text().Join());
}

Result<std::string> WantString(const Use& use, std::size_t place, std::string_view method) {
  VIVACE_ASSIGN_OR_RETURN(auto text, MaybeString(use, place, method));
  if (!text) return InvalidArgument("an argument of " + std::string(method) + " is not a string");
  return *std::move(text);
}

template <bool left, bool right>
Result<Value> StripSides(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  VIVACE_ASSIGN_OR_RETURN(const auto characters, MaybeString(use, 0, "strip"));
  return Value::String(Strip(use.self.text(), characters, {left, right}));
}

template <Case style>
Result<Value> Cased(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  return Value::String(ChangeCase(use.self.text(), style));
}

template <bool from_right>
Result<Value> SplitAt(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const auto separator, MaybeString(use, 0, "split"));
  std::int64_t limit = -1;
  if (use.Has(1)) {
    VIVACE_ASSIGN_OR_RETURN(limit, WantInteger("the limit of split", use.values[1]));
  }
  return Split(use.rendering, use.self.text(), separator, limit, from_right);
}

Result<Value> Lines(Use& use) {
  const Text& text = use.self.text();
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(text.size()));
  if (use.Has(0) && use.values[0].Truthy()) return Unsupported("splitlines with line ends is not supported");
  const auto lines = SplitLines(text);
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeProduct(lines.size(), kBytesPerString));
  Value::List items;
  for (const Text& line : lines) items.push_back(Value::String(line));
  return Value::MakeList(std::move(items));
}

/// The part of a text that "start" and "end", arguments 1 and 2, leave: byte offsets.
struct Part {
  std::size_t begin, end;
  bool is_valid = true;  // false where it begins after its end
};

Result<Part> PartOf(Use& use, const std::string& text) {
  if (!use.Has(1) && !use.Has(2)) return Part{0, text.size()};
  const auto starts = CharacterStarts(text);
  const auto count = static_cast<std::int64_t>(starts.size() - 1);
  std::int64_t bounds[] = {0, count};
  for (std::size_t i = 0; i < 2; ++i) {
    if (!use.Has(i + 1) || use.values[i + 1].is(Kind::kNone)) continue;
    VIVACE_ASSIGN_OR_RETURN(bounds[i], WantInteger("a bound", use.values[i + 1]));
    if (bounds[i] < 0) bounds[i] = std::max<std::int64_t>(bounds[i] + count, 0);
  }
  if (bounds[0] > count || bounds[0] > bounds[1]) return Part{0, 0, false};
  return Part{starts[static_cast<std::size_t>(bounds[0])],
              starts[static_cast<std::size_t>(std::min(bounds[1], count))]};
}

template <bool at_start>
Result<Value> Affix(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  const std::string text = use.self.text().Join();
  VIVACE_ASSIGN_OR_RETURN(const Part part, PartOf(use, text));
  const std::string_view seen = std::string_view(text).substr(part.begin, part.end - part.begin);
  const std::string_view method = at_start ? "startswith" : "endswith";
  const auto holds = [seen](const std::string& affix) {
    return at_start ? seen.starts_with(affix) : seen.ends_with(affix);
  };
  if (!use.values[0].is(Value::Sequence::kTuple)) {
    VIVACE_ASSIGN_OR_RETURN(const std::string affix, WantString(use, 0, method));
    return Value::Bool(part.is_valid && holds(affix));
  }
  bool found = false;
  for (const Value& affix : use.values[0].list()) {
    if (!affix.is(Kind::kString)) return WrongKind(method, affix);
    VIVACE_RETURN_IF_ERROR(use.rendering.Charge(affix.text().size()));
    found |= part.is_valid && holds(affix.text().Join());
  }
  return Value::Bool(found);
}

/// find and rfind: the number of characters before, or -1.
template <bool last>
Result<Value> Find(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  const std::string text = use.self.text().Join();
  VIVACE_ASSIGN_OR_RETURN(const Part part, PartOf(use, text));
  VIVACE_ASSIGN_OR_RETURN(const std::string wanted, WantString(use, 0, "find"));
  if (!part.is_valid) return Value::Integer(-1);
  const std::string_view seen = std::string_view(text).substr(0, part.end);
  const std::size_t at = last ? seen.rfind(wanted) : seen.find(wanted, part.begin);
  if (at == std::string_view::npos || at < part.begin) return Value::Integer(-1);
  return Value::Integer(static_cast<std::int64_t>(CountCharacters(seen.substr(0, at))));
}

template <bool last>
Result<Value> Index(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value place, Find<last>(use));
  if (place.integer() < 0) return InvalidArgument("index: the text is not found");
  return place;
}

Result<Value> Count(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  const std::string text = use.self.text().Join();
  VIVACE_ASSIGN_OR_RETURN(const Part part, PartOf(use, text));
  VIVACE_ASSIGN_OR_RETURN(const std::string wanted, WantString(use, 0, "count"));
  if (!part.is_valid) return Value::Integer(0);
  const std::string_view seen = std::string_view(text).substr(part.begin, part.end - part.begin);
  if (wanted.empty()) return Value::Integer(static_cast<std::int64_t>(CountCharacters(seen)) + 1);
  std::int64_t count = 0;
  for (std::size_t at = seen.find(wanted); at != seen.npos; at = seen.find(wanted, at + wanted.size()))
    ++count;
  return Value::Integer(count);
}

Result<Value> ReplaceIn(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  if (!use.values[0].is(Kind::kString) || !use.values[1].is(Kind::kString)) {
    return InvalidArgument("an argument of replace is not a string");
  }
  std::int64_t count = -1;
  if (use.Has(2)) {
    VIVACE_ASSIGN_OR_RETURN(count, WantInteger("the count of replace", use.values[2]));
  }
  VIVACE_ASSIGN_OR_RETURN(Text replaced, Replace(use.rendering, use.self.text(), use.values[0].text(),
                                                 use.values[1].text(), count));
  return Value::String(std::move(replaced));
}

Result<Value> JoinItems(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const Value items, ItemsOf(use.rendering, use.values[0]));
  Text out;
  for (std::size_t i = 0; i < items.list().size(); ++i) {
    const Value& item = items.list()[i];
    if (!item.is(Kind::kString)) return WrongKind("join", item);
    VIVACE_RETURN_IF_ERROR(use.rendering.Charge(item.text().size() + use.self.text().size()));
    if (i > 0) out.Append(use.self.text());
    out.Append(item.text());
    VIVACE_RETURN_IF_ERROR(use.rendering.CheckLength(out.size()));
  }
  return Value::String(std::move(out));
}

template <bool prefix>
Result<Value> RemoveAffix(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  VIVACE_ASSIGN_OR_RETURN(const std::string affix, WantString(use, 0, "removeprefix"));
  const Cutter cutter(use.self.text());
  const std::string_view bytes = cutter.bytes();
  if (prefix && bytes.starts_with(affix)) return Value::String(cutter.Cut(affix.size(), bytes.size()));
  if (!prefix && bytes.ends_with(affix)) return Value::String(cutter.Cut(0, bytes.size() - affix.size()));
  return use.self;
}

template <char align>
Result<Value> Justify(Use& use) {
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t width, WantInteger("a width", use.values[0]));
  VIVACE_ASSIGN_OR_RETURN(const auto fill, MaybeString(use, 1, "ljust"));
  if (fill && CountCharacters(*fill) != 1) return InvalidArgument("a field is filled with one character");
  VIVACE_ASSIGN_OR_RETURN(Text padded, Pad(use.rendering, use.self.text(), width, align, fill ? *fill : " "));
  return Value::String(std::move(padded));
}

/// isdigit, isspace, isalpha...: all characters hold, and there is one.
template <bool (*holds)(std::uint32_t)>
Result<Value> All(Use& use) {
  VIVACE_RETURN_IF_ERROR(use.rendering.Charge(use.self.text().size()));
  const std::string text = use.self.text().Join();
  bool all = !text.empty();
  for (std::string_view rest = text; all && !rest.empty();) {
    const Character character = FirstCharacter(rest);
    all = holds(character.code);
    rest.remove_prefix(character.bytes);
  }
  return Value::Bool(all);
}

Result<Value> Format(Use& use) {
  return FormatBraces(use);
}

constexpr Builtin kRows[] = {
    {"strip", 0, "/chars", StripSides<true, true>},
    {"lstrip", 0, "/chars", StripSides<true, false>},
    {"rstrip", 0, "/chars", StripSides<false, true>},
    {"upper", 0, "", Cased<Case::kUpper>},
    {"lower", 0, "", Cased<Case::kLower>},
    {"title", 0, "", Cased<Case::kTitle>},
    {"capitalize", 0, "", Cased<Case::kCapitalize>},
    {"split", 0, "sep,maxsplit", SplitAt<false>},
    {"rsplit", 0, "sep,maxsplit", SplitAt<true>},
    {"splitlines", 0, "keepends", Lines},
    {"startswith", 1, "/prefix,start,end", Affix<true>},
    {"endswith", 1, "/suffix,start,end", Affix<false>},
    {"find", 1, "/sub,start,end", Find<false>},
    {"rfind", 1, "/sub,start,end", Find<true>},
    {"index", 1, "/sub,start,end", Index<false>},
    {"rindex", 1, "/sub,start,end", Index<true>},
    {"count", 1, "/sub,start,end", Count},
    {"replace", 2, "/old,new,count", ReplaceIn},
    {"join", 1, "/iterable", JoinItems},
    {"removeprefix", 1, "/prefix", RemoveAffix<true>},
    {"removesuffix", 1, "/suffix", RemoveAffix<false>},
    {"ljust", 1, "/width,fillchar", Justify<'<'>},
    {"rjust", 1, "/width,fillchar", Justify<'>'>},
    {"isspace", 0, "", All<IsSpace>},
    {"isdigit", 0, "", All<IsDigit>},
    {"isalpha", 0, "", All<IsLetter>},
    {"isalnum", 0, "", All<IsLetterOrDigit>},
    {"format", 0, kAny, Format},
    {"format_map", 0, kAny, nullptr},
    {"casefold", 0, kAny, nullptr},
    {"center", 0, kAny, nullptr},
    {"encode", 0, kAny, nullptr},
    {"expandtabs", 0, kAny, nullptr},
    {"partition", 0, kAny, nullptr},
    {"rpartition", 0, kAny, nullptr},
    {"swapcase", 0, kAny, nullptr},
    {"translate", 0, kAny, nullptr},
    {"zfill", 0, kAny, nullptr},
    {"islower", 0, kAny, nullptr},
    {"isupper", 0, kAny, nullptr},
    {"istitle", 0, kAny, nullptr},
    {"isnumeric", 0, kAny, nullptr},
    {"isdecimal", 0, kAny, nullptr},
    {"isascii", 0, kAny, nullptr},
    {"isidentifier", 0, kAny, nullptr},
    {"isprintable", 0, kAny, nullptr},
};

}  // namespace

std::span<const Builtin> StringMethods() {
  return kRows;
}

}  // namespace vivace::chat
