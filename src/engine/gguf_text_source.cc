// The keys under tokenizer.* of a GGUF file.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/status_macros.h"
#include "engine/text_source.h"

namespace vivace::engine {
namespace {

using checkpoint::GgufFile;

/// Control tokens that end a turn in models whose metadata names one end token only.
constexpr std::string_view kEndsOfTurn[] = {
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>",      "<|end|>", "<end_of_turn>", "<|endoftext|>",
    "<|return|>", "<|call|>",   "<|end_of_text|>", "<|eot|>", "<EOT>",         "<|END_OF_TURN_TOKEN|>"};

/// What the arrays of a Vocabulary point into while the tokenizer is made.
struct VocabularyArrays {
  std::vector<std::int64_t> types;
  std::vector<float> scores;
  std::string charsmap;
};

Result<std::optional<std::int32_t>> OptionalToken(const GgufFile& file, std::string_view key,
                                                  std::size_t vocabulary) {
  if (!file.Has(key)) return std::optional<std::int32_t>();
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t id,
                          file.Integer(key, 0, static_cast<std::int64_t>(vocabulary) - 1));
  return std::optional(static_cast<std::int32_t>(id));
}

// Files in the wild name padding tokens that do not exist: those count as absent.
Result<std::optional<std::int32_t>> TokenIfThere(const GgufFile& file, std::string_view key,
                                                 std::size_t vocabulary) {
  if (!file.Has(key)) return std::optional<std::int32_t>();
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t id, file.Integer(key));
  if (id < 0 || id >= static_cast<std::int64_t>(vocabulary)) return std::optional<std::int32_t>();
  return std::optional(static_cast<std::int32_t>(id));
}

Result<std::optional<bool>> OptionalBool(const GgufFile& file, std::string_view key) {
  if (!file.Has(key)) return std::optional<bool>();
  VIVACE_ASSIGN_OR_RETURN(const bool value, file.Bool(key));
  return std::optional(value);
}

Status ReadArrays(const GgufFile& file, tokenizer::Vocabulary& vocabulary, VocabularyArrays& arrays) {
  VIVACE_ASSIGN_OR_RETURN(vocabulary.tokens, file.Strings("tokenizer.ggml.tokens"));
  if (file.Has("tokenizer.ggml.token_type")) {
    VIVACE_ASSIGN_OR_RETURN(arrays.types, file.Integers("tokenizer.ggml.token_type"));
    vocabulary.token_types = arrays.types;
  }
  if (file.Has("tokenizer.ggml.scores")) {
    VIVACE_ASSIGN_OR_RETURN(arrays.scores, file.Floats("tokenizer.ggml.scores"));
    vocabulary.scores = arrays.scores;
  }
  if (file.Has("tokenizer.ggml.merges")) {
    VIVACE_ASSIGN_OR_RETURN(vocabulary.merges, file.Strings("tokenizer.ggml.merges"));
  }
  if (file.Has("tokenizer.ggml.precompiled_charsmap")) {
    VIVACE_ASSIGN_OR_RETURN(const auto bytes, file.Integers("tokenizer.ggml.precompiled_charsmap"));
    for (const std::int64_t byte : bytes) arrays.charsmap.push_back(static_cast<char>(byte));
    vocabulary.precompiled_charsmap = arrays.charsmap;
  }
  return Status::Ok();
}

// The result's views point into the file and into `arrays`.
Result<tokenizer::Vocabulary> ReadVocabulary(const GgufFile& file, VocabularyArrays& arrays) {
  tokenizer::Vocabulary vocabulary;
  VIVACE_ASSIGN_OR_RETURN(vocabulary.model, file.String("tokenizer.ggml.model"));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.pre_tokenizer, file.StringOr("tokenizer.ggml.pre", ""));
  VIVACE_RETURN_IF_ERROR(ReadArrays(file, vocabulary, arrays));
  const std::size_t size = vocabulary.tokens.size();
  VIVACE_ASSIGN_OR_RETURN(vocabulary.bos_id, OptionalToken(file, "tokenizer.ggml.bos_token_id", size));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.eos_id, OptionalToken(file, "tokenizer.ggml.eos_token_id", size));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.eot_id, OptionalToken(file, "tokenizer.ggml.eot_token_id", size));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.unknown_id, TokenIfThere(file, "tokenizer.ggml.unknown_token_id", size));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.separator_id,
                          TokenIfThere(file, "tokenizer.ggml.seperator_token_id", size));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.pad_id, TokenIfThere(file, "tokenizer.ggml.padding_token_id", size));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.add_bos, OptionalBool(file, "tokenizer.ggml.add_bos_token"));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.add_eos, OptionalBool(file, "tokenizer.ggml.add_eos_token"));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.add_space_prefix, OptionalBool(file, "tokenizer.ggml.add_space_prefix"));
  VIVACE_ASSIGN_OR_RETURN(vocabulary.remove_extra_whitespaces,
                          file.BoolOr("tokenizer.ggml.remove_extra_whitespaces", false));
  return vocabulary;
}

void AddOnce(std::int32_t token, std::vector<std::int32_t>& tokens) {
  if (std::find(tokens.begin(), tokens.end(), token) == tokens.end()) tokens.push_back(token);
}

Result<std::vector<std::int32_t>> EndTokens(const GgufFile& file, const tokenizer::Tokenizer& tokenizer) {
  std::vector<std::int32_t> ends;
  for (const std::int32_t token : tokenizer.end_ids()) AddOnce(token, ends);
  const auto size = static_cast<std::size_t>(tokenizer.size());
  VIVACE_ASSIGN_OR_RETURN(const auto end_of_message, TokenIfThere(file, "tokenizer.ggml.eom_token_id", size));
  if (end_of_message) AddOnce(*end_of_message, ends);
  for (const std::string_view text : kEndsOfTurn) {
    const auto token = tokenizer.FindToken(text);
    if (token && tokenizer.is_special(*token)) AddOnce(*token, ends);
  }
  return ends;
}

// "tokenizer.chat_template" is the default one; "tokenizer.chat_template.NAME" are the others.
Result<std::vector<NamedTemplate>> Templates(const GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  std::vector<NamedTemplate> templates;
  for (const std::string_view key : file.Keys()) {
    if (!key.starts_with(kKey)) continue;
    const std::string_view rest = key.substr(kKey.size());
    if (!rest.empty() && !rest.starts_with('.')) continue;
    VIVACE_ASSIGN_OR_RETURN(const std::string_view source, file.String(key));
    templates.push_back({std::string(rest.empty() ? "default" : rest.substr(1)), std::string(source)});
  }
  return templates;
}

}  // namespace

Result<TextSource> ReadGgufText(const GgufFile& file) {
  VocabularyArrays arrays;
  VIVACE_ASSIGN_OR_RETURN(const tokenizer::Vocabulary vocabulary, ReadVocabulary(file, arrays));
  auto made = tokenizer::Tokenizer::Create(vocabulary);
  if (!made.ok()) {
    return Status(made.status().code(), fmt::format("'{}': {}", file.name(), made.status().message()));
  }
  TextSource source{std::move(made).value(), {}, {}, {}};
  const tokenizer::Tokenizer& tokenizer = source.tokenizer;
  VIVACE_ASSIGN_OR_RETURN(source.end_tokens, EndTokens(file, tokenizer));
  VIVACE_ASSIGN_OR_RETURN(source.templates, Templates(file));
  if (const auto id = tokenizer.unknown_id())
    source.special_tokens.emplace_back("unk_token", tokenizer.TokenText(*id));
  if (const auto id = tokenizer.pad_id())
    source.special_tokens.emplace_back("pad_token", tokenizer.TokenText(*id));
  return source;
}

Result<TextSource> ReadText(const checkpoint::Checkpoint& checkpoint) {
  if (checkpoint.gguf() != nullptr) return ReadGgufText(*checkpoint.gguf());
  return ReadFolderText(checkpoint.texts(), checkpoint.name());
}

}  // namespace vivace::engine
