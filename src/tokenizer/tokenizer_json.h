// Reads the texts of a Hugging Face folder into a TokenizerSpec. Errors: kDataLoss or kUnsupported, with the
// file and the byte, field, token or merge. Source: the files that Hugging Face tokenizers 0.22 writes.
#pragma once

#include <vector>

#include "tokenizer/json_reader.h"
#include "tokenizer/tokenizer_spec.h"
#include "tokenizer/vocabulary.h"

namespace vivace::tokenizer {

/// All three files. Merges in the spec are views of the text, so build from it before the text goes.
Status ReadTokenizerFiles(const TokenizerFiles& files, JsonReader& tokenizer_json, TokenizerSpec& spec);

/// The "model" object, which is next in the reader (tokenizer_json_model.cc).
Status ReadModelJson(JsonReader& reader, TokenizerSpec& spec);
/// The lists of steps (tokenizer_json_steps.cc). "Sequence" becomes its parts.
Status ReadNormalizerJson(const JsonValue& value, std::vector<NormalizerStep>& steps);
Status ReadPreTokenizerJson(const JsonValue& value, std::vector<PreTokenizerPart>& parts);
Status ReadDecoderJson(const JsonValue& value, std::vector<DecoderStep>& steps);
/// What goes before and after a text; ids as the file gives them (tokenizer_json_template.cc).
Status ReadPostProcessorJson(const JsonValue& value, TokenizerSpec& spec);
/// The special names of tokenizer_config.json and special_tokens_map.json, and add_bos_token.
Status ReadTokenizerConfig(const TokenizerFiles& files, TokenizerSpec& spec);

}  // namespace vivace::tokenizer
