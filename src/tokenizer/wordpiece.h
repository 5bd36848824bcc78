// WordPiece (BERT): from the left, the longest piece that the word goes on with; a word that cannot be cut is
// one unknown token. Source: Hugging Face tokenizers' WordPiece, Devlin et al. 2018. Thread safety: as
// TokenModel. Ownership: refers to the TokenTable, copies the rest.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tokenizer/image_bytes.h"
#include "tokenizer/token_model.h"
#include "tokenizer/token_table.h"

namespace vivace::tokenizer {

struct WordPieceVocabulary {
  const TokenTable* tokens = nullptr;  // must outlive the model
  std::int32_t unk_id = 0;
  std::string continuing_subword_prefix = "##";
  // Not empty: GGUF's spelling, where the first piece of a word begins with this mark (U+2581) and the others
  // have no prefix at all.
  std::string word_prefix{};
  std::size_t max_input_chars_per_word = 100;
  std::vector<std::int32_t> control_ids{};  // never made from text
};

/// Errors: kDataLoss for an id outside the vocabulary; kUnsupported for a piece of more than 1024 bytes.
Result<std::unique_ptr<TokenModel>> MakeWordPiece(const WordPieceVocabulary& vocabulary);

/// What SaveImage wrote, on the same table. Errors: kDataLoss.
Result<std::unique_ptr<TokenModel>> LoadWordPiece(ImageReader& image, const TokenTable& tokens);

}  // namespace vivace::tokenizer
