// UTF-8, one character at a time, by the table of well-formed sequences of the Unicode Standard
// (section 3.9).
#pragma once

#include <cstddef>
#include <string_view>

namespace vivace::tokenizer {

enum class Utf8Kind {
  kWhole,    // a well-formed character
  kBroken,   // bytes that begin no character, whatever follows
  kPartial,  // the text ends inside a character that is well-formed so far
};

struct Utf8Character {
  Utf8Kind kind;
  std::size_t length;  // bytes; of kBroken: the longest part that could have begun a character, at least 1
};

/// What `text` (not empty) begins with.
Utf8Character FirstCharacter(std::string_view text);

/// The length of the longest beginning of `text` that is well-formed.
std::size_t WellFormedPrefix(std::string_view text);

}  // namespace vivace::tokenizer
