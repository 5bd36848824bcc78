// Characters of UTF-8 text, with the properties that Python's string methods go by. Bytes that are no UTF-8
// count as characters of one byte each and have no properties. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/append_utf8.h"

namespace vivace::chat {

/// A character, or a stray byte, at the start of a text.
struct Character {
  std::uint32_t code = 0;  // kNoCharacter for a stray byte
  std::size_t bytes = 1;
};
inline constexpr std::uint32_t kNoCharacter = 0xFFFFFFFF;

/// Of a text that is not empty.
Character FirstCharacter(std::string_view text);
/// Where each character begins, and the size at the end.
std::vector<std::size_t> CharacterStarts(std::string_view text);
std::size_t CountCharacters(std::string_view text);
using base::AppendUtf8;

/// str.isspace, which is also what strip() and split() go by.
bool IsSpace(std::uint32_t code);
/// str.isalpha, str.isdigit and str.isalnum of one character.
bool IsLetter(std::uint32_t code);
bool IsDigit(std::uint32_t code);
bool IsLetterOrDigit(std::uint32_t code);
/// str.isprintable: what repr() does not escape.
bool IsPrintable(std::uint32_t code);

}  // namespace vivace::chat
