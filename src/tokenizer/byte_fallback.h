// Tokens that stand for single bytes, written <0x00> to <0xFF>: how SentencePiece models write what they have
// no token for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tokenizer/token_table.h"

namespace vivace::tokenizer {

/// The byte of "<0xNN>", exactly two hexadecimal digits; nothing for any other text.
std::optional<unsigned char> ParseByteToken(std::string_view text);

/// The token of each byte, spelled with capital digits; -1 where the vocabulary has none.
std::array<std::int32_t, 256> FindByteFallbackTokens(const TokenTable& tokens);

}  // namespace vivace::tokenizer
