// A TokenizerSpec from what GGUF metadata says. Errors name the key, token or merge.
#pragma once

#include "tokenizer/tokenizer_spec.h"
#include "tokenizer/vocabulary.h"

namespace vivace::tokenizer {

/// The spec keeps views into the vocabulary's text.
Status ReadVocabulary(const Vocabulary& vocabulary, TokenizerSpec& spec);

}  // namespace vivace::tokenizer
