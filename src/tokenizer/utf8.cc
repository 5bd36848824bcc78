#include "tokenizer/utf8.h"

#include <cstdint>
#include <cstring>

namespace vivace::tokenizer {
namespace {

/// Bytes of the character that `lead` begins, and the bounds of its second byte; length 0: no character
/// begins so.
struct LeadByte {
  std::size_t length;
  unsigned char second_low, second_high;
};

LeadByte Classify(unsigned char lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

bool IsTail(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

}  // namespace

Utf8Character FirstCharacter(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const LeadByte lead = Classify(byte(0));
  if (lead.length == 0) return {Utf8Kind::kBroken, 1};
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i == text.size()) return {Utf8Kind::kPartial, i};
    const unsigned char low = i == 1 ? lead.second_low : 0x80;
    const unsigned char high = i == 1 ? lead.second_high : 0xBF;
    if (byte(i) < low || byte(i) > high) return {Utf8Kind::kBroken, i};
  }
  return {Utf8Kind::kWhole, lead.length};
}

std::size_t WellFormedPrefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t eight;
    if (text.size() - at >= sizeof(eight)) {
      std::memcpy(&eight, text.data() + at, sizeof(eight));
      if ((eight & 0x8080808080808080u) == 0) {
        at += sizeof(eight);
        continue;
      }
    }
    // Most characters of a vocabulary are of one or three bytes: those need no table.
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    if (lead > 0xE0 && lead < 0xF0 && lead != 0xED && text.size() - at >= 3 && IsTail(text[at + 1]) &&
        IsTail(text[at + 2])) {
      at += 3;
      continue;
    }
    const Utf8Character character = FirstCharacter(text.substr(at));
    if (character.kind != Utf8Kind::kWhole) return at;
    at += character.length;
  }
  return at;
}

}  // namespace vivace::tokenizer
