#include "checkpoint/json_cursor.h"

#include <charconv>
#include <cstring>

#include "base/append_utf8.h"
#include "base/json_text.h"

namespace vivace::checkpoint {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxDecodedBytes = 64 << 10;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

void JsonCursor::SkipSpace() {
  while (position_ < text_.size() && kSpace.find(text_[position_]) != std::string_view::npos) ++position_;
}

bool JsonCursor::Take(char c) {
  SkipSpace();
  if (position_ >= text_.size() || text_[position_] != c) return false;
  ++position_;
  return true;
}

bool JsonCursor::AtEnd() {
  SkipSpace();
  return position_ == text_.size();
}

std::optional<std::string_view> JsonCursor::String(std::deque<std::string>& decoded) {
  if (!Take('"')) return std::nullopt;
  const std::size_t begin = position_;
  std::string* copy = nullptr;
  for (; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    if (c == '"') {
      const std::string_view plain = text_.substr(begin, position_ - begin);
      ++position_;
      return copy != nullptr ? std::string_view(*copy) : plain;
    }
    if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
    if (c == '\\') {
      if (copy == nullptr) copy = &decoded.emplace_back(text_.substr(begin, position_ - begin));
      if (!DecodeEscape(*copy)) return std::nullopt;
    } else if (copy != nullptr) {
      *copy += c;
    }
    if (copy != nullptr && copy->size() > kMaxDecodedBytes) return std::nullopt;
  }
  return std::nullopt;
}

// At a backslash; ends on the escape's last character.
bool JsonCursor::DecodeEscape(std::string& out) {
  if (++position_ >= text_.size()) return false;
  constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
  if (const auto at = kNames.find(text_[position_]); at != std::string_view::npos) {
    out += kValues[at];
    return true;
  }
  if (text_[position_] != 'u') return false;
  auto code = Hex4();
  if (!code || (*code >= 0xDC00 && *code < 0xE000)) return false;
  if (*code >= 0xD800 && *code < 0xDC00) {
    if (text_.substr(position_ + 1, 2) != "\\u") return false;
    position_ += 2;
    const auto low = Hex4();
    if (!low || *low < 0xDC00 || *low >= 0xE000) return false;
    code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
  }
  base::AppendUtf8(*code, out);
  return true;
}

// At the letter u; ends on the last digit.
std::optional<std::uint32_t> JsonCursor::Hex4() {
  if (text_.size() - position_ < 5) return std::nullopt;
  const char* begin = text_.data() + position_ + 1;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(begin, begin + 4, value, 16);
  if (error != std::errc() || end != begin + 4) return std::nullopt;
  position_ += 4;
  return value;
}

std::optional<std::uint64_t> JsonCursor::Unsigned() {
  SkipSpace();
  const char* begin = text_.data() + position_;
  const char* last = text_.data() + text_.size();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(begin, last, value);
  if (error != std::errc() || (*begin == '0' && end != begin + 1)) return std::nullopt;
  if (end != last && (*end == '.' || *end == 'e' || *end == 'E')) return std::nullopt;
  position_ += static_cast<std::size_t>(end - begin);
  return value;
}

bool JsonCursor::SkipString() {
  for (; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    if (static_cast<unsigned char>(c) < 0x20) return false;
    if (c == '\\') ++position_;
    if (c == '"') {
      ++position_;
      return true;
    }
  }
  return false;
}

// A number or one of true, false, null. Numbers are not checked further: nobody reads them.
bool JsonCursor::SkipWord() {
  for (const std::string_view word : {"true", "false", "null"}) {
    if (text_.substr(position_, word.size()) != word) continue;
    position_ += word.size();
    return true;
  }
  const std::size_t begin = position_;
  if (position_ < text_.size() && text_[position_] == '-') ++position_;
  if (position_ >= text_.size() || !IsDigit(text_[position_])) return false;
  const auto end = text_.find_first_not_of("0123456789.eE+-", begin);
  position_ = end == std::string_view::npos ? text_.size() : end;
  return true;
}

bool JsonCursor::Skip() {
  bool is_object[kMaxDepth];
  int depth = 0;
  while (true) {
    // One value, or the opening of one.
    const bool object = Take('{');
    if (object || Take('[')) {
      if (depth == kMaxDepth) return false;
      is_object[depth++] = object;
      if (!Take(object ? '}' : ']')) {
        if (object && !(Take('"') && SkipString() && Take(':'))) return false;
        continue;
      }
      --depth;
    } else if (!(Take('"') ? SkipString() : SkipWord())) {
      return false;
    }
    // What follows it: the ends of containers, then a comma and the next value.
    while (depth > 0 && Take(is_object[depth - 1] ? '}' : ']')) --depth;
    if (depth == 0) return true;
    if (!Take(',')) return false;
    if (is_object[depth - 1] && !(Take('"') && SkipString() && Take(':'))) return false;
  }
}

std::optional<std::size_t> FindInvalidUtf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    std::uint64_t eight;
    if (text.size() - i >= sizeof(eight)) {
      std::memcpy(&eight, text.data() + i, sizeof(eight));
      if ((eight & 0x8080808080808080u) == 0) {
        i += sizeof(eight);
        continue;
      }
    }
    const std::size_t length = base::Utf8Length(text.substr(i, 4));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

}  // namespace vivace::checkpoint
