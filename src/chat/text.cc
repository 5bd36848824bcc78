#include "chat/text.h"

#include <algorithm>

namespace vivace::chat {

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
  joined.reserve(size());
  for (const Piece& piece : pieces_) joined += piece.text;
  return joined;
}

bool SameBytes(const Text& a, const Text& b) {
  if (a.size() != b.size()) return false;
  if (a.pieces().size() == 1 && b.pieces().size() == 1) return a.pieces()[0].text == b.pieces()[0].text;
  return a.Join() == b.Join();
}

Cutter::Cutter(const Text& text) : text_(text), bytes_(text.Join()) {
  std::size_t start = 0;
  for (const Piece& piece : text.pieces()) {
    starts_.push_back(start);
    start += piece.text.size();
  }
}

Text Cutter::Cut(std::size_t begin, std::size_t end) const {
  Text out;
  if (begin >= end) return out;
  auto piece =
      static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), begin) - starts_.begin() - 1);
  for (; piece < starts_.size() && starts_[piece] < end; ++piece) {
    const std::size_t from = std::max(begin, starts_[piece]);
    const std::size_t to = piece + 1 < starts_.size() ? std::min(end, starts_[piece + 1]) : end;
    out.Append(std::string_view(bytes_).substr(from, to - from), text_.pieces()[piece].from_template);
  }
  return out;
}

}  // namespace vivace::chat
