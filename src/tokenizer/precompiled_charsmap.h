// SentencePiece's precompiled character map: a double-array trie from text to its replacement. Nothing in it
// is trusted: every offset is checked where it is used. Thread safety: Find may be called from any thread.
// Ownership: owns its tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::tokenizer {

/// Bytes of a base64 text (standard alphabet, padding optional at the end). Errors: kDataLoss with the offset
/// of a character that is none of it.
Result<std::string> DecodeBase64(std::string_view text);

class PrecompiledCharsmap {
 public:
  /// `blob`: the size of the trie in bytes (little-endian 32 bits), its units, then the replacements, each
  /// ended by a NUL. Errors: kDataLoss with the sizes.
  static Result<PrecompiledCharsmap> Create(std::string_view blob);

  /// The replacement of the shortest key that `text` begins with, as Hugging Face tokenizers looks it up.
  std::optional<std::string_view> Find(std::string_view text) const;

 private:
  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace vivace::tokenizer
