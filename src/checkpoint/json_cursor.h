// Walks JSON text value by value without building a tree: for headers and indices whose form is known and
// whose size is the file's to choose. Takes no memory but for strings with escapes. Each call that does not
// find what it asks for leaves the cursor where it was wrong, for the message. Used on one thread; the text
// must outlive the views.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace vivace::checkpoint {

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) {}

  std::size_t position() const { return position_; }
  /// Takes `c` when it comes next after white space.
  bool Take(char c);
  /// True when nothing but white space is left.
  bool AtEnd();
  /// A string's characters: a view into the text, or into `decoded` when it has escapes. Nothing for a
  /// broken escape, a lone surrogate, a raw control character, or 64 KiB and more after an escape.
  std::optional<std::string_view> String(std::deque<std::string>& decoded);
  /// Digits only: no sign, fraction or exponent, no leading zero, at most 2^64 - 1.
  std::optional<std::uint64_t> Unsigned();
  /// Passes over any value; false when it is not JSON or nests deeper than 64.
  bool Skip();

 private:
  void SkipSpace();
  bool SkipString();
  bool SkipWord();
  bool DecodeEscape(std::string& out);
  std::optional<std::uint32_t> Hex4();

  std::string_view text_;
  std::size_t position_ = 0;
};

/// The first byte that is not UTF-8, or nothing.
std::optional<std::size_t> FindInvalidUtf8(std::string_view text);

}  // namespace vivace::checkpoint
