// What a checkpoint says about its tokenizer, as plain views. The arrays are read during Tokenizer::Create
// only; the text that the views point into (the mapped file) must outlive the Tokenizer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace vivace::tokenizer {

/// The numbers of tokenizer.ggml.token_type.
enum class TokenType : std::int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // special: found in text only where special tokens may be parsed
  kUserDefined = 4,  // found in any text, before the pre-tokenizer
  kUnused = 5,
  kByte = 6,
};

struct Vocabulary {
  std::string_view model = "gpt2";  // tokenizer.ggml.model
  std::string_view pre_tokenizer;   // tokenizer.ggml.pre, such as "smollm"
  std::span<const std::string_view>
      tokens;  // [size], tokenizer.ggml.tokens, in the byte-level alphabet of GPT-2
  std::span<const std::int64_t> token_types;  // [size] or empty: all normal
  std::span<const std::string_view> merges;   // "left right", best first
  std::optional<std::int32_t> bos_id;
  std::optional<std::int32_t> eos_id;
  bool add_bos = false;  // tokenizer.ggml.add_bos_token
};

}  // namespace vivace::tokenizer
