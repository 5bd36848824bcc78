// Text of a growing answer: tokens to whole UTF-8 characters, and stop strings. Both give the same text
// however the answer is cut into pushes. Thread safety: one object per answer, one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/decoder.h"
#include "tokenizer/tokenizer.h"

namespace vivace::tokenizer {

/// Decodes one token after the other. Joined, what is appended equals Tokenizer::Decode of all ids.
class StreamingDecoder {
 public:
  /// The tokenizer must outlive the decoder.
  StreamingDecoder(const Tokenizer& tokenizer, bool skip_special)
      : tokenizer_(&tokenizer), skip_special_(skip_special), stream_(tokenizer.decoder()) {}

  /// Appends the whole characters that this token completes.
  void Push(std::int32_t id, std::string& out);
  /// End of the answer.
  void Flush(std::string& out) { stream_.Flush(out); }

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  DecodeStream stream_;
};

/// Holds back text that may begin a stop string. The stop string that is complete first wins; of several
/// complete at the same byte, the longest.
class StopStringMatcher {
 public:
  /// Empty strings are ignored.
  explicit StopStringMatcher(const std::vector<std::string>& stop);

  /// Appends the text that is safe to show. On a match: appends the text before the stop string and returns
  /// the index of that string in the list; everything after is dropped and later pushes change nothing.
  std::optional<std::size_t> Push(std::string_view text, std::string& out);
  /// End of the answer without a match: appends what was held back.
  void Flush(std::string& out);

 private:
  struct Pattern {
    std::string text;
    std::size_t index;                  // in the caller's list
    std::vector<std::uint32_t> border;  // border[i]: longest proper border of text[0, i]
    std::size_t matched = 0;            // characters of the text that the input ends with
  };
  std::vector<Pattern> patterns_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace vivace::tokenizer
