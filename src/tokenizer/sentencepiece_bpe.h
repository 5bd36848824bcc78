// SentencePiece's BPE (GGUF model "llama"): adjacent pieces join while their text is a piece, the highest
// score first and the leftmost of equals; user-defined pieces are taken whole before that; what is left
// without a token becomes bytes. Source: Kudo and Richardson 2018, "SentencePiece"; the algorithm of its bpe
// model. Thread safety: as TokenModel. Ownership: refers to the token table, which must outlive it and stay
// in its place.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "tokenizer/image_bytes.h"
#include "tokenizer/token_model.h"
#include "tokenizer/token_table.h"

namespace vivace::tokenizer {

struct SentencePieceVocabulary {
  const TokenTable* tokens = nullptr;
  std::span<const float> scores;              // [size]
  std::span<const std::int64_t> token_types;  // [size] of TokenType, or empty: all normal
  std::optional<std::int32_t> unk_id;         // for text without tokens and bytes; dropped without it
};

/// Errors: kDataLoss when sizes differ or a score is no number; kUnsupported for a piece of more than 4096
/// bytes that text can match.
Result<std::unique_ptr<TokenModel>> MakeSentencePieceBpe(const SentencePieceVocabulary& vocabulary);

/// What SaveImage wrote, on the same table. Errors: kDataLoss.
Result<std::unique_ptr<TokenModel>> LoadSentencePieceBpe(ImageReader& image, const TokenTable& tokens);

}  // namespace vivace::tokenizer
