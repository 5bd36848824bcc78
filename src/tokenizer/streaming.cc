#include "tokenizer/streaming.h"

#include <algorithm>

namespace vivace::tokenizer {
void StreamingDecoder::Push(std::int32_t id, std::string& out) {
  if (skip_special_ && tokenizer_->is_special(id)) return;
  const std::string_view entry = tokenizer_->TokenEntry(id);
  if (entry.data() != nullptr) stream_.Push(entry, out);
}

StopStringMatcher::StopStringMatcher(const std::vector<std::string>& stop) {
  for (std::size_t index = 0; index < stop.size(); ++index) {
    const std::string& text = stop[index];
    if (text.empty()) continue;
    std::vector<std::uint32_t> border(text.size() + 1, 0);
    std::uint32_t length = 0;
    for (std::size_t i = 1; i < text.size(); ++i) {
      while (length > 0 && text[i] != text[length]) length = border[length];
      if (text[i] == text[length]) ++length;
      border[i + 1] = length;
    }
    patterns_.push_back({text, index, std::move(border), 0});
  }
}

std::optional<std::size_t> StopStringMatcher::Push(std::string_view text, std::string& out) {
  if (stopped_) return std::nullopt;
  for (const char c : text) {
    held_.push_back(c);
    const Pattern* complete = nullptr;
    for (Pattern& pattern : patterns_) {
      while (pattern.matched > 0 && pattern.text[pattern.matched] != c)
        pattern.matched = pattern.border[pattern.matched];
      if (pattern.text[pattern.matched] == c) ++pattern.matched;
      if (pattern.matched < pattern.text.size()) continue;
      if (complete == nullptr || pattern.text.size() > complete->text.size()) complete = &pattern;
    }
    if (complete == nullptr) continue;
    stopped_ = true;
    out.append(held_, 0, held_.size() - complete->text.size());
    held_.clear();
    return complete->index;
  }
  std::size_t keep = 0;  // the longest beginning of a stop string that the text ends with
  for (const Pattern& pattern : patterns_) keep = std::max(keep, pattern.matched);
  out.append(held_, 0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return std::nullopt;
}

void StopStringMatcher::Flush(std::string& out) {
  out.append(held_);
  held_.clear();
}

}  // namespace vivace::tokenizer
