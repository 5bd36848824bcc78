// What goes around a text: the post-processor of tokenizer.json, and the names of special tokens in
// tokenizer_config.json and special_tokens_map.json.
#include <algorithm>
#include <string>

#include "base/status_macros.h"
#include "tokenizer/tokenizer_json.h"

namespace vivace::tokenizer {
namespace {

Status BadTemplate(const std::string& why) {
  return DataLoss("post_processor: " + why);
}

Result<std::int32_t> TemplateId(const JsonValue& value) {
  const auto id = value.Integer();
  if (!id || *id < 0 || *id >= static_cast<std::int64_t>(TokenTable::kMaxTokens)) {
    return BadTemplate("\"" + std::string(value.text) + "\" is no token id");
  }
  return static_cast<std::int32_t>(*id);
}

/// Appends the ids of the special token that a template names.
Status AppendSpecial(const JsonValue& post_processor, std::string_view name, std::vector<std::int32_t>& ids) {
  const JsonValue* tokens = post_processor.Find("special_tokens");
  const JsonValue* token = tokens != nullptr ? tokens->Find(name) : nullptr;
  const JsonValue* list = token != nullptr ? token->Find("ids") : nullptr;
  if (list == nullptr)
    return BadTemplate("the template's token \"" + std::string(name) + "\" is not in special_tokens");
  for (const JsonValue& item : list->items) {
    VIVACE_ASSIGN_OR_RETURN(const std::int32_t id, TemplateId(item));
    ids.push_back(id);
  }
  return Status::Ok();
}

Status ReadTemplate(const JsonValue& value, TokenizerSpec& spec) {
  const JsonValue* single = value.Find("single");
  if (single == nullptr || !single->is_array())
    return BadTemplate("TemplateProcessing has no list \"single\"");
  bool after_text = false;
  for (const JsonValue& part : single->items) {
    if (part.Find("Sequence") != nullptr) {
      if (after_text) return BadTemplate("TemplateProcessing has the text twice");
      after_text = true;
      continue;
    }
    const JsonValue* special = part.Find("SpecialToken");
    const JsonValue* name = special != nullptr ? special->Find("id") : nullptr;
    if (name == nullptr)
      return BadTemplate("TemplateProcessing has a part that is neither Sequence nor SpecialToken");
    VIVACE_RETURN_IF_ERROR(AppendSpecial(value, name->text, after_text ? spec.suffix : spec.prefix));
  }
  return after_text ? Status::Ok() : BadTemplate("TemplateProcessing leaves the text out");
}

/// {"sep": ["[SEP]", 102], "cls": ["[CLS]", 101]}
Status ReadClsSep(const JsonValue& value, TokenizerSpec& spec) {
  for (const bool is_cls : {true, false}) {
    const JsonValue* pair = value.Find(is_cls ? "cls" : "sep");
    if (pair == nullptr || pair->items.size() != 2)
      return BadTemplate("cls and sep are pairs of a token and its id");
    VIVACE_ASSIGN_OR_RETURN(const std::int32_t id, TemplateId(pair->items[1]));
    (is_cls ? spec.prefix : spec.suffix).push_back(id);
  }
  return Status::Ok();
}

/// The id of an added token or of the vocabulary.
std::optional<std::int32_t> FindId(const TokenizerSpec& spec, std::string_view text) {
  for (const AddedToken& token : spec.added) {
    if (token.text == text) return token.id;
  }
  for (std::size_t id = 0; id < spec.model.tokens.size(); ++id) {
    if (spec.model.tokens[id].data() != nullptr && spec.model.tokens[id] == text)
      return static_cast<std::int32_t>(id);
  }
  return std::nullopt;
}

/// What the small files say.
struct ConfigFields {
  JsonValue bos, eos, unknown, pad, tokenizer_class, add_bos, add_eos;
};

Status ReadFields(JsonReader& reader, ConfigFields& fields) {
  const std::pair<std::string_view, JsonValue*> wanted[] = {{"bos_token", &fields.bos},
                                                            {"eos_token", &fields.eos},
                                                            {"unk_token", &fields.unknown},
                                                            {"pad_token", &fields.pad},
                                                            {"add_bos_token", &fields.add_bos},
                                                            {"add_eos_token", &fields.add_eos},
                                                            {"tokenizer_class", &fields.tokenizer_class}};
  reader.BeginObject();
  for (std::string_view name; reader.NextMember(name);) {
    const auto* row =
        std::find_if(std::begin(wanted), std::end(wanted), [&](const auto& w) { return w.first == name; });
    if (row == std::end(wanted) || !row->second->is_null()) {
      reader.Skip();
    } else {
      *row->second = reader.Value();
    }
  }
  return reader.Finish();
}

/// A special token is a text or an object with its "content". One that is in no vocabulary is left out where
/// it is of no use.
Status FindNamed(const char* field, const JsonValue& value, const TokenizerSpec& spec,
                 std::optional<std::int32_t>& id) {
  if (value.is_null()) return Status::Ok();
  const JsonValue* content = value.is_object() ? value.Find("content") : &value;
  if (content == nullptr || !content->is_string()) {
    return DataLoss("tokenizer_config.json: " + std::string(field) +
                    " is neither a text nor an object with content");
  }
  id = FindId(spec, content->text);
  return Status::Ok();
}

/// Classes that put BOS and EOS by their own flags, whatever the post-processor says; BOS where the flag is
/// absent. As in transformers 4.57.
bool FlagsRule(std::string_view tokenizer_class) {
  for (const std::string_view name :
       {"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "CohereTokenizer"}) {
    if (tokenizer_class.starts_with(name))
      return tokenizer_class.size() == name.size() || tokenizer_class.substr(name.size()) == "Fast";
  }
  return false;
}

Status ApplyFlags(const ConfigFields& fields, TokenizerSpec& spec) {
  if (!FlagsRule(fields.tokenizer_class.text)) return Status::Ok();
  const bool add_bos = fields.add_bos.kind != JsonKind::kBool || fields.add_bos.boolean;
  const bool add_eos = fields.add_eos.kind == JsonKind::kBool && fields.add_eos.boolean;
  if ((add_bos && !spec.bos_id) || (add_eos && !spec.eos_id)) {
    return DataLoss(std::string("tokenizer_config.json: ") +
                    (add_bos && !spec.bos_id ? "bos_token" : "eos_token") +
                    " is to be added, but it is not in the vocabulary");
  }
  spec.prefix.clear();
  spec.suffix.clear();
  if (add_bos) spec.prefix.push_back(*spec.bos_id);
  if (add_eos) spec.suffix.push_back(*spec.eos_id);
  return Status::Ok();
}

}  // namespace

Status ReadPostProcessorJson(const JsonValue& value, TokenizerSpec& spec) {
  if (value.is_null()) return Status::Ok();
  const JsonValue* type = value.Find("type");
  const std::string_view name = type != nullptr ? type->text : std::string_view();
  if (name == "ByteLevel") return Status::Ok();  // about offsets only
  if (name == "TemplateProcessing") return ReadTemplate(value, spec);
  if (name == "BertProcessing" || name == "RobertaProcessing") return ReadClsSep(value, spec);
  if (name != "Sequence") {
    return Unsupported("post_processor type \"" + std::string(name) +
                       "\" is not known; known are: Sequence, ByteLevel, TemplateProcessing, BertProcessing, "
                       "RobertaProcessing");
  }
  const JsonValue* parts = value.Find("processors");
  if (parts == nullptr || !parts->is_array()) return BadTemplate("Sequence has no list \"processors\"");
  for (const JsonValue& part : parts->items) VIVACE_RETURN_IF_ERROR(ReadPostProcessorJson(part, spec));
  return Status::Ok();
}

Status ReadTokenizerConfig(const TokenizerFiles& files, TokenizerSpec& spec) {
  JsonReader config(files.tokenizer_config, "tokenizer_config.json");
  JsonReader map(files.special_tokens_map, "special_tokens_map.json");
  ConfigFields fields;
  if (!files.tokenizer_config.empty()) VIVACE_RETURN_IF_ERROR(ReadFields(config, fields));
  if (!files.special_tokens_map.empty()) VIVACE_RETURN_IF_ERROR(ReadFields(map, fields));
  VIVACE_RETURN_IF_ERROR(FindNamed("bos_token", fields.bos, spec, spec.bos_id));
  VIVACE_RETURN_IF_ERROR(FindNamed("eos_token", fields.eos, spec, spec.eos_id));
  VIVACE_RETURN_IF_ERROR(FindNamed("unk_token", fields.unknown, spec, spec.unknown_id));
  VIVACE_RETURN_IF_ERROR(FindNamed("pad_token", fields.pad, spec, spec.pad_id));
  if (!spec.unknown_id) spec.unknown_id = spec.model.unknown_id;
  if (spec.eos_id) spec.end_ids.push_back(*spec.eos_id);
  return ApplyFlags(fields, spec);
}

}  // namespace vivace::tokenizer
