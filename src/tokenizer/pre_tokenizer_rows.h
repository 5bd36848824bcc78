// The names that GGUF's tokenizer.ggml.pre may have, each with what it means for the text before byte-level
// BPE. A row is data; adding one adds a vocabulary family. Thread safety: constants.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/pre_tokenizer.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

struct PreTokenizerRow {
  std::string_view name;
  std::span<const std::string_view> expressions;  // each cuts the words of the one before; matches are words
  std::string_view single = {};  // one expression equal to all of them together; empty when there is none
  bool nfc = false;              // the text is brought to NFC first
  bool ignore_merges = false;    // a word that is a token is that token
  bool add_bos = false;          // where the file does not say
};

/// All known rows.
std::span<const PreTokenizerRow> PreTokenizerRows();

/// The row of that name; kUnsupported, with the known names, when there is none.
Result<const PreTokenizerRow*> FindPreTokenizerRow(std::string_view name);

/// The steps of the row; of its single expression where it has one.
std::vector<PreTokenizerPart> PartsOf(const PreTokenizerRow& row, bool by_stages = false);

}  // namespace vivace::tokenizer
