// Text that remembers which of its bytes come from the model's own files (template text, special tokens) and
// which are data (what a user wrote), so that a user's text can never be taken for a special token.
// Thread safety: values; a Cutter refers to its text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vivace::chat {

/// A stretch of text of one origin.
struct Piece {
  std::string text;
  bool from_template = false;
  bool operator==(const Piece&) const = default;
};

/// A string as pieces; no piece is empty and neighbours differ in origin.
class Text {
 public:
  Text() = default;
  Text(std::string_view text, bool from_template) { Append(text, from_template); }

  void Append(std::string_view text, bool from_template);
  void Append(const Text& other);
  const std::vector<Piece>& pieces() const { return pieces_; }
  std::size_t size() const;  // bytes
  bool empty() const { return pieces_.empty(); }
  std::string Join() const;
  /// True where no byte is data.
  bool IsTrusted() const { return pieces_.empty() || (pieces_.size() == 1 && pieces_[0].from_template); }

 private:
  std::vector<Piece> pieces_;
};

/// The same bytes, whatever their origin.
bool SameBytes(const Text& a, const Text& b);

/// Takes parts out of a text by byte offsets, origins kept: O(log pieces) each.
class Cutter {
 public:
  explicit Cutter(const Text& text);
  std::string_view bytes() const { return bytes_; }
  /// The bytes [begin, end), end at most the size.
  Text Cut(std::size_t begin, std::size_t end) const;

 private:
  const Text& text_;
  std::string bytes_;
  std::vector<std::size_t> starts_;  // of each piece
};

}  // namespace vivace::chat
