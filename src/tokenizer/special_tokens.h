// Finds tokens that are spelled out in a text (control and user-defined tokens): leftmost, of those the
// longest. Thread safety: Find may be called from any thread. Ownership: keeps views of the tokens' texts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace vivace::tokenizer {

/// The flags are those of tokenizer.json's added tokens.
struct SpecialToken {
  std::string_view text{};
  std::int32_t id = 0;
  bool control = false;      // counts only in trusted text
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool single_word = false;  // not with a word character beside it
};

/// A half-open range of bytes.
struct ByteRange {
  std::size_t begin, end;
};

class SpecialTokens {
 public:
  /// Bytes of the longest text: looking for one of megabytes at every byte of a text would take hours.
  static constexpr std::size_t kLongest = 512;

  SpecialTokens() = default;
  /// No text may be empty.
  explicit SpecialTokens(std::vector<SpecialToken> tokens);

  bool empty() const { return tokens_.empty(); }
  /// Sorted by text.
  std::span<const SpecialToken> tokens() const { return tokens_; }

  struct Match {
    std::size_t begin, end;  // with the white space that it takes
    std::int32_t id;
  };
  /// The first match at or after `from`. Control tokens count only inside one of `trusted`: ranges in order,
  /// not touching.
  std::optional<Match> Find(std::string_view text, std::size_t from,
                            std::span<const ByteRange> trusted) const;

 private:
  const SpecialToken* LongestAt(std::string_view text, std::size_t at, std::size_t trusted_end) const;

  std::vector<SpecialToken> tokens_;      // sorted by text
  std::array<bool, 256> begins_token_{};  // by first byte
};

}  // namespace vivace::tokenizer
