// Keeps copies of many short texts in few allocations; views stay valid while it lives, also when it moves.
// Thread safety: one writer.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace vivace::tokenizer {

class TextArena {
 public:
  /// The copy has data even when it is empty.
  std::string_view Keep(std::string_view text) {
    if (text.size() >= left_) {
      left_ = std::max(kBlockBytes, text.size() + 1);
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
      next_ = blocks_.back().get();
    }
    char* copy = next_;
    if (!text.empty()) std::memcpy(copy, text.data(), text.size());
    next_ += text.size();
    left_ -= text.size();
    return {copy, text.size()};
  }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{1} << 18;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace vivace::tokenizer
