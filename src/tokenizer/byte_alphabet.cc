#include "tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

namespace vivace::tokenizer {
namespace {

constexpr unsigned kFirstShifted = 0x100;

constexpr bool StandsForItself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<std::uint16_t, 256> code_of_byte{};
  std::array<std::int16_t, 0x144> byte_of_code{};  // -1: not in the alphabet
};

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  alphabet.byte_of_code.fill(-1);
  unsigned next = kFirstShifted;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const unsigned code = StandsForItself(byte) ? byte : next++;
    alphabet.code_of_byte[byte] = static_cast<std::uint16_t>(code);
    alphabet.byte_of_code[code] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

}  // namespace

std::string ByteCharacter(unsigned char byte) {
  const unsigned code = kAlphabet.code_of_byte[byte];
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
}

void AppendByteCharacters(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    const unsigned code = kAlphabet.code_of_byte[static_cast<unsigned char>(c)];
    if (code >= 0x80) {
      out.push_back(static_cast<char>(0xC0 | code >> 6));
      out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else {
      out.push_back(static_cast<char>(code));
    }
  }
}

void AppendTokenBytes(std::string_view entry, std::string& out) {
  const std::size_t start = out.size();
  for (std::size_t i = 0; i < entry.size();) {
    unsigned code = static_cast<unsigned char>(entry[i++]);
    if (code >= 0x80) {  // the alphabet ends at U+0143, so only two-byte characters count
      const unsigned second = i < entry.size() ? static_cast<unsigned char>(entry[i++]) : 0;
      code =
          (code & 0xE0) == 0xC0 && (second & 0xC0) == 0x80 ? ((code & 0x1F) << 6) | (second & 0x3F) : 0xFFFF;
    }
    if (code >= kAlphabet.byte_of_code.size() || kAlphabet.byte_of_code[code] < 0) {
      out.resize(start);
      out.append(entry);
      return;
    }
    out.push_back(static_cast<char>(kAlphabet.byte_of_code[code]));
  }
}

}  // namespace vivace::tokenizer
