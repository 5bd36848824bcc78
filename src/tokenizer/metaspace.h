// U+2581, the character that SentencePiece writes for a space.
#pragma once

#include <string_view>

namespace vivace::tokenizer {

inline constexpr std::string_view kMetaspaceMark = "\xE2\x96\x81";

/// True when a metaspace follows another character in the text.
inline bool HasInnerMetaspace(std::string_view text) {
  while (text.starts_with(kMetaspaceMark)) text.remove_prefix(kMetaspaceMark.size());
  return text.find(kMetaspaceMark) != text.npos;
}

}  // namespace vivace::tokenizer
