// Bytes that come in parts, to valid UTF-8. Thread safety: one object per text, one thread at a time.
#pragma once

#include <string>
#include <string_view>

namespace vivace::tokenizer {

/// Turns bytes into valid UTF-8: whole characters pass, bytes that can never become one turn into U+FFFD (one
/// for each longest part that could have begun a character), an unfinished tail is kept back.
class Utf8Assembler {
 public:
  void Push(std::string_view bytes, std::string& out);
  /// An unfinished tail becomes one U+FFFD.
  void Flush(std::string& out);

 private:
  std::string pending_;  // up to 3 bytes: the beginning of a character
};

}  // namespace vivace::tokenizer
