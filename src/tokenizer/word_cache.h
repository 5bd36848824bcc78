// Words that one Encode call has met before, so that each is merged once. Direct-mapped, bounded, of one call
// and one thread. Ownership: keeps views into the call's text, or copies where that text does not stay, and
// positions in its output.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace vivace::tokenizer {

class WordCache {
 public:
  /// Short texts get no cache: making it would cost more than it saves.
  explicit WordCache(std::size_t text_bytes);

  /// Appends the tokens of a known word; false when it is not known.
  bool AppendKnown(std::string_view word, std::vector<std::int32_t>& ids) const;
  /// The tokens of `word` are the output's [first, last). A word that does not stay valid as long as the
  /// cache (`stays` is false) is copied.
  void Remember(std::string_view word, std::size_t first, std::size_t last, bool stays);

 private:
  struct Entry {
    std::string_view word;
    std::size_t first = 0;
    std::size_t count = 0;
  };
  std::size_t SlotOf(std::string_view word) const;
  std::string_view Keep(std::string_view word);

  std::vector<Entry> entries_;  // empty or a power of two
  std::vector<std::unique_ptr<char[]>> copies_;
  std::size_t copies_left_ = 0;  // bytes free at the end of the last of them
};

}  // namespace vivace::tokenizer
