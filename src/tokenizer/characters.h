// Unicode characters and their classes, by the tables of utf8proc 2.8 (Unicode 15.0); the one place where
// text is classed outside regular expressions. Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/append_utf8.h"

namespace vivace::tokenizer {

/// The character that begins at text[at], of well-formed UTF-8, and moves `at` behind it.
char32_t NextCharacter(std::string_view text, std::size_t& at);
/// The number of bytes of the character that begins with this byte, in well-formed UTF-8.
inline std::size_t CharacterBytes(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}
using base::AppendUtf8;
/// True when the text is exactly one well-formed character.
bool IsOneCharacter(std::string_view text);

// Of what Unicode 8 did not have yet, nothing is punctuation, a nonspacing mark or other: see characters.cc.
bool IsWhiteSpace(char32_t c);      // the property White_Space
bool IsPunctuation(char32_t c);     // categories P*, and all of ASCII's marks
bool IsNumeric(char32_t c);         // categories N*
bool IsMark(char32_t c);            // categories M*
bool IsNonspacingMark(char32_t c);  // category Mn
bool IsOtherCategory(char32_t c);   // Cc, Cf and Co: controls, formats, private use
bool IsWordCharacter(char32_t c);   // \w of Unicode: letters, marks, decimal digits, connectors, joiners
bool IsCjk(char32_t c);             // ideographs, as BERT counts them
/// Appends the lower case of one character, without regard to what is around it.
void AppendLowercase(char32_t c, std::string& out);

}  // namespace vivace::tokenizer
