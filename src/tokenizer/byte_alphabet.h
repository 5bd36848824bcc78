// The byte-level alphabet of GPT-2: every byte is written as one printable character, so that vocabularies
// are text. Printable Latin-1 bytes stand for themselves; the other 68 are U+0100, U+0101, ... in order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vivace::tokenizer {

/// The character of a byte, as UTF-8 (1 or 2 bytes).
std::string ByteCharacter(unsigned char byte);

/// Appends the character of every byte.
void AppendByteCharacters(std::string_view bytes, std::string& out);

/// Appends the bytes that a vocabulary entry stands for. An entry with a character outside the alphabet (a
/// special token with a space, say) stands for its own text.
void AppendTokenBytes(std::string_view entry, std::string& out);

}  // namespace vivace::tokenizer
