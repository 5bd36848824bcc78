// The top level of tokenizer.json and its added tokens.
#include "tokenizer/tokenizer_json.h"

#include <algorithm>
#include <string>

#include "base/status_macros.h"
#include "tokenizer/byte_alphabet.h"

namespace vivace::tokenizer {
namespace {

/// The reader's own errors name the file already.
Status InFile(const Status& status) {
  if (status.ok() || status.message().starts_with("tokenizer.json")) return status;
  return Status(status.code(), "tokenizer.json: " + status.message());
}

bool ReadBool(JsonReader& reader) {
  const JsonValue value = reader.Value();
  if (reader.ok() && value.kind != JsonKind::kBool) reader.Fail("a boolean is expected");
  return value.boolean;
}

/// [{"id": 0, "content": "<s>", ...}, ...]
Status ReadAddedTokens(JsonReader& reader, TokenizerSpec& spec) {
  reader.BeginArray();
  while (reader.NextItem()) {
    AddedToken token;
    std::int64_t id = -1;
    bool has_text = false;
    reader.BeginObject();
    for (std::string_view name; reader.NextMember(name);) {
      if (name == "id") {
        id = reader.Integer();
      } else if (name == "content") {
        token.text = spec.texts.Keep(reader.String());
        has_text = true;
      } else if (name == "special") {
        token.special = ReadBool(reader);
      } else if (name == "normalized") {
        token.normalized = ReadBool(reader);
      } else if (name == "lstrip") {
        token.lstrip = ReadBool(reader);
      } else if (name == "rstrip") {
        token.rstrip = ReadBool(reader);
      } else if (name == "single_word") {
        token.single_word = ReadBool(reader);
      } else {
        reader.Skip();
      }
    }
    if (!reader.ok()) break;
    if (!has_text) return DataLoss("added_tokens[" + std::to_string(spec.added.size()) + "] has no content");
    if (id < 0 || id >= static_cast<std::int64_t>(TokenTable::kMaxTokens)) {
      return DataLoss("added token \"" + std::string(token.text) + "\" has the id " + std::to_string(id) +
                      "; ids are 0 to " + std::to_string(TokenTable::kMaxTokens - 1));
    }
    token.id = static_cast<std::int32_t>(id);
    spec.added.push_back(token);
  }
  return reader.status();
}

/// True when every byte's character is a token: unknown text cannot be then.
bool HasAllBytes(const ModelSpec& model) {
  std::vector<std::string_view> short_tokens;
  for (const std::string_view token : model.tokens) {
    if (token.data() != nullptr && token.size() <= 2) short_tokens.push_back(token);
  }
  std::sort(short_tokens.begin(), short_tokens.end());
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string character = ByteCharacter(static_cast<unsigned char>(byte));
    if (!std::binary_search(short_tokens.begin(), short_tokens.end(), character)) return false;
  }
  return true;
}

/// True when the bytes of a word can go to the byte-level BPE as they are: the alphabet is the last thing
/// that happens to them, and every byte has a token or is dropped.
bool EndsWithBytes(const TokenizerSpec& spec) {
  if (spec.model.kind != ModelKind::kCharacterBpe || spec.pre_tokenizer.empty()) return false;
  if (!std::holds_alternative<ByteLevelSplit>(spec.pre_tokenizer.back())) return false;
  if (!spec.model.continuing_prefix.empty() || !spec.model.word_suffix.empty()) return false;
  return (!spec.model.byte_fallback && !spec.model.unknown_id) || HasAllBytes(spec.model);
}

/// Makes the change to the byte-level alphabet a step of its own wherever something later sees its result.
void PlaceByteAlphabet(TokenizerSpec& spec) {
  if (EndsWithBytes(spec)) {
    spec.model.kind = ModelKind::kByteLevelBpe;
  } else if (!spec.pre_tokenizer.empty()) {
    if (std::holds_alternative<ByteLevelSplit>(spec.pre_tokenizer.back()))
      spec.pre_tokenizer.emplace_back(MapToByteAlphabet{});
  }
  for (std::size_t i = 0; i + 1 < spec.pre_tokenizer.size(); ++i) {
    if (std::holds_alternative<ByteLevelSplit>(spec.pre_tokenizer[i]) &&
        !std::holds_alternative<MapToByteAlphabet>(spec.pre_tokenizer[i + 1])) {
      spec.pre_tokenizer.insert(spec.pre_tokenizer.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                MapToByteAlphabet{});
    }
  }
}

Status ReadTop(JsonReader& reader, TokenizerSpec& spec) {
  bool has_model = false;
  JsonValue post_processor, decoder;
  if (reader.Peek() != JsonKind::kObject) return DataLoss("the file is no JSON object");
  reader.BeginObject();
  for (std::string_view name; reader.NextMember(name);) {
    if (name == "model") {
      if (has_model) return DataLoss("model is there twice");
      has_model = true;
      VIVACE_RETURN_IF_ERROR(ReadModelJson(reader, spec));
    } else if (name == "added_tokens") {
      VIVACE_RETURN_IF_ERROR(ReadAddedTokens(reader, spec));
    } else if (name == "normalizer" || name == "pre_tokenizer") {
      const JsonValue value = reader.Value();
      VIVACE_RETURN_IF_ERROR(reader.status());
      VIVACE_RETURN_IF_ERROR(name == "normalizer" ? ReadNormalizerJson(value, spec.normalizer)
                                                  : ReadPreTokenizerJson(value, spec.pre_tokenizer));
    } else if (name == "post_processor") {
      post_processor = reader.Value();
    } else if (name == "decoder") {
      decoder = reader.Value();
    } else {
      reader.Skip();  // version, truncation, padding: of no effect on the tokens of one text
    }
  }
  VIVACE_RETURN_IF_ERROR(reader.Finish());
  if (!has_model) return DataLoss("there is no model");
  VIVACE_RETURN_IF_ERROR(ReadPostProcessorJson(post_processor, spec));
  return ReadDecoderJson(decoder, spec.decoder);
}

}  // namespace

Status ReadTokenizerFiles(const TokenizerFiles& files, JsonReader& tokenizer_json, TokenizerSpec& spec) {
  if (files.tokenizer_json.empty()) return NotFound("tokenizer.json is missing or empty");
  VIVACE_RETURN_IF_ERROR(InFile(ReadTop(tokenizer_json, spec)));
  PlaceByteAlphabet(spec);
  return ReadTokenizerConfig(files, spec);
}

}  // namespace vivace::tokenizer
