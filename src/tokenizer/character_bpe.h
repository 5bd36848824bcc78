// BPE over characters by merge ranks, as Hugging Face tokenizers' BPE model does it without a byte-level
// alphabet. Thread safety: as TokenModel. Ownership: refers to the tables, which must outlive it and stay in
// their place.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tokenizer/image_bytes.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/token_model.h"
#include "tokenizer/token_table.h"

namespace vivace::tokenizer {

struct CharacterBpeOptions {
  std::optional<std::int32_t> unk_id{};     // of a character without a token; dropped without it
  bool fuse_unk = false;                    // neighbouring unknown characters are one token
  bool byte_fallback = false;               // first try the tokens of its bytes
  bool ignore_merges = false;               // a word that is a token is that token
  std::string continuing_subword_prefix{};  // before every character of a word but the first
  std::string end_of_word_suffix;           // after the last character of a word
  std::vector<std::int32_t> control_ids{};  // never made from text by ignore_merges
};

/// Errors: kDataLoss for an id outside the vocabulary.
Result<std::unique_ptr<TokenModel>> MakeCharacterBpe(const TokenTable& tokens, const MergeTable& merges,
                                                     CharacterBpeOptions options);

/// What SaveImage wrote, on the same tables. Errors: kDataLoss.
Result<std::unique_ptr<TokenModel>> LoadCharacterBpe(ImageReader& image, const TokenTable& tokens,
                                                     const MergeTable& merges);

}  // namespace vivace::tokenizer
