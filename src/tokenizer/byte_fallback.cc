#include "tokenizer/byte_fallback.h"

namespace vivace::tokenizer {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::optional<unsigned char> ParseByteToken(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text.back() != '>') return std::nullopt;
  const int high = HexDigit(text[3]), low = HexDigit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<unsigned char>(high << 4 | low);
}

std::array<std::int32_t, 256> FindByteFallbackTokens(const TokenTable& tokens) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::array<std::int32_t, 256> ids;
  for (std::size_t byte = 0; byte < ids.size(); ++byte) {
    const char text[] = {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
    ids[byte] = tokens.Find({text, sizeof(text)}).value_or(-1);
  }
  return ids;
}

}  // namespace vivace::tokenizer
