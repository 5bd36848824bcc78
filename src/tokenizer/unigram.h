// The unigram model: of all ways to cut a word into pieces, the one with the highest sum of scores (Viterbi).
// Equal to Hugging Face tokenizers' Unigram. Source: Kudo 2018, "Subword Regularization". Thread safety: as
// TokenModel. Ownership: copies what it needs, or views an image.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/image_bytes.h"
#include "tokenizer/token_model.h"

namespace vivace::tokenizer {

struct UnigramVocabulary {
  std::span<const std::string_view> tokens;  // [size]
  std::span<const double> scores;            // [size]
  std::optional<std::int32_t> unk_id;
  bool byte_fallback = false;             // unknown text becomes <0xNN> tokens where all are there
  bool fuse_unk = true;                   // neighbouring unknown characters are one token
  std::vector<std::int32_t> control_ids;  // never made from text
};

/// Errors: kDataLoss when sizes differ, a score is no number or an id is outside the vocabulary; kUnsupported
/// for a piece of more than 1024 bytes that text can match. Encode: kInvalidArgument for unknown text in a
/// vocabulary without unk_id.
Result<std::unique_ptr<TokenModel>> MakeUnigram(const UnigramVocabulary& vocabulary);

/// What SaveImage wrote; ids are below `tokens`. Errors: kDataLoss.
Result<std::unique_ptr<TokenModel>> LoadUnigram(ImageReader& image, std::size_t tokens);

}  // namespace vivace::tokenizer
