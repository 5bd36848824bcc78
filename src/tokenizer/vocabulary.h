// What a checkpoint says about its tokenizer: GGUF metadata as plain views, or the texts of JSON files. All
// of it is read during Tokenizer::Create only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
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

/// The keys are those of GGUF, without "tokenizer.ggml.".
struct Vocabulary {
  std::string_view model = "gpt2";            // model: "gpt2", "llama", "t5" or "bert"
  std::string_view pre_tokenizer;             // pre, such as "smollm"; byte-level BPE only
  std::span<const std::string_view> tokens;   // [size]; of "gpt2" in the byte-level alphabet
  std::span<const float> scores;              // [size] or empty; "llama" and "t5" need them
  std::span<const std::int64_t> token_types;  // [size] or empty: all normal
  std::span<const std::string_view> merges;   // "left right", best first; "gpt2" only
  std::optional<std::int32_t> bos_id;         // bos_token_id; "bert": [CLS]
  std::optional<std::int32_t> eos_id;         // eos_token_id
  std::optional<std::int32_t> eot_id;         // eot_token_id: ends a turn
  std::optional<std::int32_t> unknown_id;     // unknown_token_id
  std::optional<std::int32_t> separator_id;   // seperator_token_id (so spelled there)
  std::optional<std::int32_t> pad_id;         // padding_token_id
  std::optional<bool> add_bos;                // add_bos_token; absent: what the model kind does
  std::optional<bool> add_eos;                // add_eos_token; absent: what the model kind does
  std::optional<bool> add_space_prefix;       // absent: true for "llama" and "t5"
  bool remove_extra_whitespaces = false;      // remove_extra_whitespaces
  std::string_view precompiled_charsmap;      // its bytes; read during Create only
};

/// The texts of a Hugging Face folder; empty where the file is missing. Read during Tokenizer::FromJson only.
struct TokenizerFiles {
  std::string tokenizer_json;      // needed
  std::string tokenizer_config;    // tokenizer_config.json: names of BOS, EOS, ..., add_bos_token
  std::string special_tokens_map;  // special_tokens_map.json: names that tokenizer_config.json lacks
};

}  // namespace vivace::tokenizer
