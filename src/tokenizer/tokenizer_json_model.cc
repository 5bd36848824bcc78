// The "model" object, read as a stream: vocabulary and merges of a large file are megabytes of short strings.
// Ids are checked one by one, so that a hostile file costs no more memory than its own size and
// TokenTable::kMaxTokens ids.
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "tokenizer/tokenizer_json.h"

namespace vivace::tokenizer {
namespace {

std::string Shown(std::string_view text) {
  constexpr std::size_t kShown = 80;
  return "\"" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "...\"" : "\"");
}

/// What the fields say, in whatever order they come.
struct ModelFields {
  std::string_view type;
  bool vocab_is_list = false, has_vocab = false, has_merges = false, has_prefix = false;
  std::string_view unknown_token;
  std::optional<std::int64_t> unknown_index;
};

Status AddToken(std::string_view text, std::int64_t id, TokenizerSpec& spec) {
  if (id < 0 || id >= static_cast<std::int64_t>(TokenTable::kMaxTokens)) {
    return DataLoss("token " + Shown(text) + " has the id " + std::to_string(id) + "; ids are 0 to " +
                    std::to_string(TokenTable::kMaxTokens - 1));
  }
  const auto index = static_cast<std::size_t>(id);
  if (index >= spec.owned_tokens.size()) spec.owned_tokens.resize(index + 1);
  std::string_view& token = spec.owned_tokens[index];
  if (token.data() != nullptr) {
    return DataLoss("tokens " + Shown(token) + " and " + Shown(text) + " have the same id " +
                    std::to_string(id));
  }
  token = spec.texts.Keep(text);
  return Status::Ok();
}

/// {"token": id, ...}
Status ReadVocabularyObject(JsonReader& reader, TokenizerSpec& spec) {
  reader.BeginObject();
  for (std::string_view text; reader.NextMember(text);) {
    const std::int64_t id = reader.Integer();
    if (!reader.ok()) break;
    VIVACE_RETURN_IF_ERROR(AddToken(text, id, spec));
  }
  return reader.status();
}

/// [["token", score], ...]
Status ReadVocabularyList(JsonReader& reader, TokenizerSpec& spec) {
  reader.BeginArray();
  while (reader.NextItem()) {
    reader.BeginArray();
    reader.NextItem();
    const std::string_view text = reader.String();
    reader.NextItem();
    spec.model.scores.push_back(reader.Number());
    if (reader.ok() && reader.NextItem()) reader.Fail("a token is a text and a score");
    if (!reader.ok()) break;
    VIVACE_RETURN_IF_ERROR(AddToken(text, static_cast<std::int64_t>(spec.owned_tokens.size()), spec));
  }
  return reader.status();
}

/// ["left right", ...] or [["left", "right"], ...]
/// There are about as many as `tokens`, where the vocabulary came before.
Status ReadMerges(JsonReader& reader, std::size_t tokens, std::vector<MergeWords>& merges) {
  reader.BeginArray();
  std::vector<std::string_view> joined;
  while (reader.NextItem()) {
    if (reader.Peek() == JsonKind::kString) {
      joined.push_back(reader.String());
      continue;
    }
    if (merges.empty()) merges.reserve(tokens);
    MergeWords merge;
    reader.BeginArray();
    reader.NextItem();
    merge.left = reader.String();
    reader.NextItem();
    merge.right = reader.String();
    if (reader.ok() && reader.NextItem()) reader.Fail("a merge has two parts");
    merges.push_back(merge);
  }
  VIVACE_RETURN_IF_ERROR(reader.status());
  if (joined.empty()) return Status::Ok();
  if (!merges.empty()) return DataLoss("merges are partly strings and partly pairs");
  VIVACE_ASSIGN_OR_RETURN(merges, SplitMerges(joined));
  return Status::Ok();
}

Status ReadFlag(std::string_view name, const JsonValue& value, bool& flag) {
  if (value.is_null()) return Status::Ok();
  if (value.kind != JsonKind::kBool) return DataLoss("model." + std::string(name) + " is no boolean");
  flag = value.boolean;
  return Status::Ok();
}

/// Any field but vocab and merges.
Status ReadField(std::string_view name, const JsonValue& value, ModelFields& fields, ModelSpec& model) {
  if (name == "ignore_merges") return ReadFlag(name, value, model.ignore_merges);
  if (name == "fuse_unk") return ReadFlag(name, value, model.fuse_unknown);
  if (name == "byte_fallback") return ReadFlag(name, value, model.byte_fallback);
  if (value.is_null()) return Status::Ok();
  std::string_view* text = nullptr;
  std::string_view prefix, suffix;
  if (name == "type") text = &fields.type;
  if (name == "unk_token") text = &fields.unknown_token;
  if (name == "continuing_subword_prefix") text = &prefix;
  if (name == "end_of_word_suffix") text = &suffix;
  if (text != nullptr) {
    if (!value.is_string()) return DataLoss("model." + std::string(name) + " is no text");
    *text = value.text;
    if (text == &prefix) model.continuing_prefix = prefix;
    fields.has_prefix = fields.has_prefix || text == &prefix;
    if (text == &suffix) model.word_suffix = suffix;
    return Status::Ok();
  }
  if (name == "unk_id") {
    fields.unknown_index = value.Integer();
    if (!fields.unknown_index) return DataLoss("model.unk_id is no whole number");
  } else if (name == "max_input_chars_per_word") {
    const auto limit = value.Integer();
    if (!limit || *limit < 0) return DataLoss("model.max_input_chars_per_word is no count");
    model.max_characters_per_word = static_cast<std::size_t>(*limit);
  } else if (name == "dropout" && value.Number() != 0.0) {
    return Unsupported("model.dropout is " + std::string(value.text) +
                       ": merges are left out at random in training only; set it to null");
  }
  return Status::Ok();
}

/// Files before tokenizers 0.9 have no type.
std::string_view GuessType(const ModelFields& fields) {
  return fields.has_merges ? "BPE" : fields.vocab_is_list ? "Unigram" : "WordPiece";
}

Status SetKind(const ModelFields& fields, ModelSpec& model) {
  const std::string_view type = fields.type.empty() ? GuessType(fields) : fields.type;
  if (type != "BPE" && type != "Unigram" && type != "WordPiece") {
    return Unsupported("model type \"" + std::string(type) +
                       "\" is not known; known are: BPE, Unigram, WordPiece");
  }
  if (!fields.has_vocab) return DataLoss("the model has no vocab");
  if ((type == "Unigram") != fields.vocab_is_list) {
    return DataLoss("the vocab of a " + std::string(type) + " model is " +
                    (fields.vocab_is_list ? "an object of ids" : "a list of scores") +
                    ", and this one is not");
  }
  model.kind = type == "BPE"       ? ModelKind::kCharacterBpe
               : type == "Unigram" ? ModelKind::kUnigram
                                   : ModelKind::kWordPiece;
  if (type == "Unigram") model.fuse_unknown = true;
  if (type == "WordPiece" && !fields.has_prefix) model.continuing_prefix = "##";
  return Status::Ok();
}

Status SetUnknown(const ModelFields& fields, ModelSpec& model) {
  if (fields.unknown_index) {
    const std::int64_t id = *fields.unknown_index;
    if (id < 0 || id >= static_cast<std::int64_t>(model.tokens.size())) {
      return DataLoss("model.unk_id is " + std::to_string(id) + ", but the vocabulary has ids 0 to " +
                      std::to_string(model.tokens.size() - 1));
    }
    model.unknown_id = static_cast<std::int32_t>(id);
  }
  if (fields.unknown_token.empty()) return Status::Ok();
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (model.tokens[id] == fields.unknown_token && model.tokens[id].data() != nullptr) {
      model.unknown_id = static_cast<std::int32_t>(id);
      return Status::Ok();
    }
  }
  // A BPE may name a token that its bytes never need.
  if (model.kind == ModelKind::kCharacterBpe) return Status::Ok();
  return DataLoss("model.unk_token " + Shown(fields.unknown_token) + " is not in the vocabulary");
}

}  // namespace

Status ReadModelJson(JsonReader& reader, TokenizerSpec& spec) {
  ModelFields fields;
  reader.BeginObject();
  for (std::string_view name; reader.NextMember(name);) {
    if (name == "vocab") {
      if (fields.has_vocab) return DataLoss("model.vocab is there twice");
      fields.has_vocab = true;
      fields.vocab_is_list = reader.Peek() == JsonKind::kArray;
      VIVACE_RETURN_IF_ERROR(fields.vocab_is_list ? ReadVocabularyList(reader, spec)
                                                  : ReadVocabularyObject(reader, spec));
    } else if (name == "merges") {
      if (fields.has_merges) return DataLoss("model.merges is there twice");
      fields.has_merges = true;
      VIVACE_RETURN_IF_ERROR(ReadMerges(reader, spec.owned_tokens.size(), spec.model.merges));
    } else {
      const JsonValue value = reader.Value();
      if (reader.ok()) VIVACE_RETURN_IF_ERROR(ReadField(name, value, fields, spec.model));
    }
  }
  VIVACE_RETURN_IF_ERROR(reader.status());
  VIVACE_RETURN_IF_ERROR(SetKind(fields, spec.model));
  spec.model.tokens = spec.owned_tokens;
  return SetUnknown(fields, spec.model);
}

}  // namespace vivace::tokenizer
