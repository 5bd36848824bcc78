// What a model says about text, whatever its format: the tokenizer, the tokens that end an answer, the chat
// templates. Free functions; the results are plain data that the caller owns.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "tokenizer/tokenizer.h"
#include "vivace/status.h"

namespace vivace::engine {

struct NamedTemplate {
  std::string name;    // "default" for the only one
  std::string source;  // Jinja
};

struct TextSource {
  tokenizer::Tokenizer tokenizer;
  std::vector<std::int32_t> end_tokens;  // each once, all within the tokenizer
  std::vector<NamedTemplate> templates;
  std::vector<std::pair<std::string, std::string>> special_tokens;  // "unk_token" -> "<unk>"; no BOS, no EOS
};

/// From the metadata of a GGUF file; one without tensors will do. An end token is what its keys name, and
/// each control token that is known to end a turn, such as <|im_end|>.
Result<TextSource> ReadGgufText(const checkpoint::GgufFile& file);
/// From the texts of a folder; only tokenizer.json must be there. `name` stands for the folder in errors.
Result<TextSource> ReadFolderText(const checkpoint::FolderTexts& texts, const std::string& name);
Result<TextSource> ReadText(const checkpoint::Checkpoint& checkpoint);

}  // namespace vivace::engine
