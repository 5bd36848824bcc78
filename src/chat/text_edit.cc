#include "chat/text_edit.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "chat/unicode.h"

namespace vivace::chat {
namespace {

using Bounds = std::pair<std::size_t, std::size_t>;  // bytes [first, second)

/// Where str.split() without a separator cuts.
std::vector<Bounds> Words(std::string_view text, std::int64_t limit) {
  std::vector<Bounds> words;
  std::size_t at = 0;
  const auto skip = [&](bool space) {
    while (at < text.size()) {
      const Character character = FirstCharacter(text.substr(at));
      if (IsSpace(character.code) != space) break;
      at += character.bytes;
    }
  };
  while (true) {
    skip(true);
    if (at == text.size()) return words;
    const std::size_t begin = at;
    if (limit >= 0 && static_cast<std::int64_t>(words.size()) == limit) {
      words.emplace_back(begin, text.size());  // the rest loses the white space at its end
      return words;
    }
    skip(false);
    words.emplace_back(begin, at);
  }
}

std::vector<Bounds> Parts(std::string_view text, std::string_view separator, std::int64_t limit) {
  std::vector<Bounds> parts;
  std::size_t begin = 0;
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    const std::size_t end = text.find(separator, begin);
    if (end == std::string_view::npos) break;
    parts.emplace_back(begin, end);
    begin = end + separator.size();
  }
  parts.emplace_back(begin, text.size());
  return parts;
}

std::vector<Bounds> PartsFromRight(std::string_view text, std::string_view separator, std::int64_t limit) {
  std::vector<Bounds> parts;
  std::size_t end = text.size();
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    if (end < separator.size()) break;
    const std::size_t at = text.rfind(separator, end - separator.size());
    if (at == std::string_view::npos) break;
    parts.emplace_back(at + separator.size(), end);
    end = at;
  }
  parts.emplace_back(0, end);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

/// The bytes of the line end at the start of a text, or 0.
std::size_t LineEnd(std::string_view text) {
  if (text.starts_with("\r\n")) return 2;
  const Character character = FirstCharacter(text);
  const std::uint32_t code = character.code;
  const bool ends = (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
                    code == 0x2028 || code == 0x2029;
  return ends ? character.bytes : 0;
}

}  // namespace

Text Strip(const Text& text, const std::optional<std::string>& characters, Sides sides) {
  std::vector<std::uint32_t> wanted;
  if (characters) {
    std::string_view rest = *characters;
    for (; !rest.empty(); rest.remove_prefix(FirstCharacter(rest).bytes))
      wanted.push_back(FirstCharacter(rest).code);
    std::sort(wanted.begin(), wanted.end());
  }
  const auto goes = [&](std::uint32_t code) {
    return characters ? std::binary_search(wanted.begin(), wanted.end(), code) : IsSpace(code);
  };
  const Cutter cutter(text);
  const std::string_view bytes = cutter.bytes();
  std::size_t begin = 0, end = bytes.size();
  while (sides.left && begin < end) {
    const Character character = FirstCharacter(bytes.substr(begin));
    if (!goes(character.code)) break;
    begin += character.bytes;
  }
  while (sides.right && begin < end) {
    std::size_t start = end - 1;
    while (start > begin && end - start < 4 && (bytes[start] & 0xC0) == 0x80) --start;
    if (FirstCharacter(bytes.substr(start, end - start)).bytes != end - start)
      start = end - 1;  // a stray byte
    if (!goes(FirstCharacter(bytes.substr(start, end - start)).code)) break;
    end = start;
  }
  return cutter.Cut(begin, end);
}

Result<Text> Replace(Rendering& rendering, const Text& text, const Text& old, const Text& with,
                     std::int64_t count) {
  const Cutter cutter(text);
  const std::string wanted = old.Join();
  Text out;
  if (wanted.empty()) {  // between all characters
    const auto starts = CharacterStarts(cutter.bytes());
    VIVACE_RETURN_IF_ERROR(rendering.ChargeProduct(starts.size(), with.size() + 1));
    for (std::size_t i = 0; i < starts.size(); ++i) {
      if (count < 0 || static_cast<std::int64_t>(i) < count) out.Append(with);
      if (i + 1 < starts.size()) out.Append(cutter.Cut(starts[i], starts[i + 1]));
    }
    return out;
  }
  const auto parts = Parts(cutter.bytes(), wanted, count);
  VIVACE_RETURN_IF_ERROR(rendering.ChargeProduct(parts.size(), with.size() + 1));
  VIVACE_RETURN_IF_ERROR(rendering.Charge(text.size()));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out.Append(with);
    out.Append(cutter.Cut(parts[i].first, parts[i].second));
  }
  return out;
}

Result<Value> Split(Rendering& rendering, const Text& text, const std::optional<std::string>& separator,
                    std::int64_t limit, bool from_right) {
  VIVACE_RETURN_IF_ERROR(rendering.Charge(text.size()));
  const Cutter cutter(text);
  std::vector<Bounds> parts;
  if (!separator) {
    if (from_right && limit >= 0) return Unsupported("rsplit at white space with a limit is not supported");
    parts = Words(cutter.bytes(), limit);
  } else if (separator->empty()) {
    return InvalidArgument("the separator of split is empty");
  } else {
    parts = from_right ? PartsFromRight(cutter.bytes(), *separator, limit)
                       : Parts(cutter.bytes(), *separator, limit);
  }
  VIVACE_RETURN_IF_ERROR(rendering.ChargeProduct(parts.size(), kBytesPerString));
  Value::List items;
  for (const auto& [begin, end] : parts) items.push_back(Value::String(cutter.Cut(begin, end)));
  return Value::MakeList(std::move(items));
}

std::vector<Text> SplitLines(const Text& text) {
  const Cutter cutter(text);
  const std::string_view bytes = cutter.bytes();
  std::vector<Text> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = LineEnd(bytes.substr(at));
    if (end == 0) {
      at += FirstCharacter(bytes.substr(at)).bytes;
      continue;
    }
    lines.push_back(cutter.Cut(begin, at));
    at += end;
    begin = at;
  }
  if (begin < bytes.size()) lines.push_back(cutter.Cut(begin, bytes.size()));
  return lines;
}

Text Reverse(const Text& text) {
  const Cutter cutter(text);
  const auto starts = CharacterStarts(cutter.bytes());
  Text out;
  for (std::size_t i = starts.size() - 1; i > 0; --i) out.Append(cutter.Cut(starts[i - 1], starts[i]));
  return out;
}

Result<Text> Pad(Rendering& rendering, const Text& text, std::int64_t width, char align,
                 std::string_view fill) {
  const auto length = static_cast<std::int64_t>(CountCharacters(text.Join()));
  if (width <= length) return text;
  const auto missing = static_cast<std::size_t>(width - length);
  VIVACE_RETURN_IF_ERROR(rendering.ChargeProduct(missing, fill.size()));
  const std::size_t before = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  Text out;
  for (std::size_t i = 0; i < before; ++i) out.Append(fill, true);
  out.Append(text);
  for (std::size_t i = before; i < missing; ++i) out.Append(fill, true);
  return out;
}

}  // namespace vivace::chat
