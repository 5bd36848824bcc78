// What a tokenizer is made of, whatever file says it: the model's vocabulary as views, the steps around the
// model as data. tokenizer_json.h and tokenizer_gguf.h fill it in, Pipeline::Create builds from it. A value;
// one thread. Ownership: views point into the caller's text or into `texts`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/decoder.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/text_arena.h"

namespace vivace::tokenizer {

enum class ModelKind { kByteLevelBpe, kCharacterBpe, kSentencePieceBpe, kUnigram, kWordPiece };
inline bool HasMerges(ModelKind kind) {
  return kind == ModelKind::kByteLevelBpe || kind == ModelKind::kCharacterBpe;
}

/// A token that is found in the text before the model sees it. Fields as in tokenizer.json.
struct AddedToken {
  std::string_view text{};
  std::int32_t id = 0;
  bool special = false;     // a control token: counts only in trusted text
  bool normalized = false;  // looked for in the normalised text
  bool lstrip = false, rstrip = false, single_word = false;
};

struct ModelSpec {
  ModelKind kind = ModelKind::kByteLevelBpe;
  std::span<const std::string_view> tokens;   // [size]; no data: an id without a token
  std::span<const std::int64_t> token_types;  // [size] or empty; kSentencePieceBpe
  std::span<const float> float_scores;        // [size]; kSentencePieceBpe
  std::vector<double> scores;                 // [size]; kUnigram
  std::vector<MergeWords> merges;             // the BPEs that have ranks
  std::vector<std::int32_t> control_ids;      // never made from text
  std::optional<std::int32_t> unknown_id;
  bool ignore_merges = false, fuse_unknown = false, byte_fallback = false;
  std::string continuing_prefix, word_suffix;
  std::string word_prefix;  // of GGUF's WordPiece: before the first piece of a word  // of BPE and WordPiece
  std::size_t max_characters_per_word = 100;  // kWordPiece
};

struct TokenizerSpec {
  ModelSpec model;
  std::vector<AddedToken> added;
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerPart> pre_tokenizer;
  std::vector<DecoderStep> decoder;
  std::vector<std::int32_t> prefix, suffix;  // around a text
  std::optional<std::int32_t> bos_id, eos_id, unknown_id, pad_id;
  std::vector<std::int32_t> end_ids;
  std::vector<std::string_view> owned_tokens;  // what model.tokens shows when no one else keeps it
  TextArena texts;
};

}  // namespace vivace::tokenizer
