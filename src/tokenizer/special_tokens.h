// Finds tokens that are spelled out in a text (control and user-defined tokens): leftmost, of those the
// longest. Thread safety: Find may be called from any thread. Ownership: keeps views into the vocabulary's
// text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace vivace::tokenizer {

struct SpecialToken {
  std::string_view text;
  std::int32_t id;
  bool control;  // counts only in trusted text
};

/// A half-open range of bytes.
struct ByteRange {
  std::size_t begin, end;
};

class SpecialTokens {
 public:
  SpecialTokens() = default;
  /// No text may be empty.
  explicit SpecialTokens(std::vector<SpecialToken> tokens);

  struct Match {
    std::size_t begin, end;
    std::int32_t id;
  };
  /// The first match at or after `from`. Control tokens count only inside one of `trusted`: ranges in order,
  /// not touching.
  std::optional<Match> Find(std::string_view text, std::size_t from,
                            std::span<const ByteRange> trusted) const;

 private:
  std::optional<Match> LongestAt(std::string_view text, std::size_t at, std::size_t trusted_end) const;

  std::vector<SpecialToken> tokens_;      // sorted by text
  std::array<bool, 256> begins_token_{};  // by first byte
};

}  // namespace vivace::tokenizer
