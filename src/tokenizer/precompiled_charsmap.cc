#include "tokenizer/precompiled_charsmap.h"

#include <array>
#include <cstring>

#include "tokenizer/utf8.h"

namespace vivace::tokenizer {
namespace {

// A unit of the trie (Darts-clone): the label of the arc that leads to it, the offset of its children (10
// bits up, times 256 with bit 9), a flag that a key ends; a key's end leads to a unit that holds its value.
constexpr std::uint32_t kEndOfKey = 1u << 8;
constexpr std::uint32_t kLabelMask = (1u << 31) | 0xFF;
constexpr std::uint32_t kValueMask = (1u << 31) - 1;
constexpr std::size_t kMaxReplacementBytes = 1024;  // Unicode's longest is 33; more is a bomb

std::uint32_t ChildOffset(std::uint32_t unit) {
  return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

std::uint32_t LittleEndian(std::string_view bytes) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

constexpr std::array<std::int8_t, 256> MakeBase64Values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr std::array<std::int8_t, 256> kBase64Values = MakeBase64Values();

Status CheckReplacements(std::string_view replacements) {
  if (const std::size_t good = WellFormedPrefix(replacements); good < replacements.size()) {
    return DataLoss("precompiled_charsmap: the replacements are not UTF-8 at byte " + std::to_string(good));
  }
  for (std::size_t begin = 0; begin < replacements.size();) {
    const std::size_t end = std::min(replacements.find('\0', begin), replacements.size());
    if (end - begin > kMaxReplacementBytes) {
      return DataLoss("precompiled_charsmap: the replacement at byte " + std::to_string(begin) + " has " +
                      std::to_string(end - begin) + " bytes; at most " +
                      std::to_string(kMaxReplacementBytes) + " are allowed");
    }
    begin = end + 1;
  }
  return Status::Ok();
}

}  // namespace

Result<std::string> DecodeBase64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t group = 0;
  int bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int value = kBase64Values[static_cast<unsigned char>(text[i])];
    if (value < 0) return DataLoss("base64: byte " + std::to_string(i) + " is no character of it");
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>(group >> bits & 0xFF));
  }
  if (text.size() % 4 == 1)
    return DataLoss("base64: the text is cut off after byte " + std::to_string(text.size()));
  return bytes;
}

Result<PrecompiledCharsmap> PrecompiledCharsmap::Create(std::string_view blob) {
  constexpr std::size_t kUnit = sizeof(std::uint32_t);
  const std::size_t trie_bytes = blob.size() < kUnit ? 0 : LittleEndian(blob);
  if (blob.size() < 2 * kUnit || trie_bytes < kUnit || trie_bytes % kUnit != 0 ||
      trie_bytes > blob.size() - kUnit) {
    return DataLoss("precompiled_charsmap: " + std::to_string(blob.size()) + " bytes with a trie of " +
                    std::to_string(trie_bytes) + "; a trie has at least one unit of 4 bytes and ends inside");
  }
  PrecompiledCharsmap charsmap;
  charsmap.units_.resize(trie_bytes / kUnit);
  std::memcpy(charsmap.units_.data(), blob.data() + kUnit, trie_bytes);
  charsmap.replacements_ = blob.substr(kUnit + trie_bytes);
  if (Status status = CheckReplacements(charsmap.replacements_); !status.ok()) return status;
  return charsmap;
}

std::optional<std::string_view> PrecompiledCharsmap::Find(std::string_view text) const {
  std::size_t at = ChildOffset(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    at ^= byte;
    if (byte == 0 || at >= units_.size() || (units_[at] & kLabelMask) != byte) return std::nullopt;
    const std::uint32_t unit = units_[at];
    at ^= ChildOffset(unit);
    if ((unit & kEndOfKey) == 0) continue;
    if (at >= units_.size()) return std::nullopt;
    const std::size_t begin = units_[at] & kValueMask;
    if (begin > replacements_.size()) return std::nullopt;
    const std::string_view rest = std::string_view(replacements_).substr(begin);
    if (!rest.empty() && (static_cast<unsigned char>(rest[0]) & 0xC0) == 0x80) return std::nullopt;
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

}  // namespace vivace::tokenizer
