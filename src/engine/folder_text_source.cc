// tokenizer.json and its companions: what the tokenizer itself does not take from them.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/status_macros.h"
#include "chat/json_reader.h"
#include "engine/text_source.h"

namespace vivace::engine {
namespace {

using chat::Value;

// An object, or undefined for a file that is not there.
Result<Value> ReadObject(const std::string& json, const std::string& folder, std::string_view file) {
  if (json.empty()) return Value();
  auto value = chat::ValueFromJson(json);
  if (!value.ok()) {
    return DataLoss(fmt::format("'{}': {}: {}", folder, file, value.status().message()));
  }
  if (!value->is(Value::Kind::kDict)) {
    return DataLoss(fmt::format("'{}': {} is {}, not an object", folder, file, value->KindName()));
  }
  return std::move(value).value();
}

const Value* Field(const Value& object, std::string_view key) {
  return object.is(Value::Kind::kDict) ? object.Find(key) : nullptr;
}

// A token is its text, or an object with the text as `content`.
std::optional<std::string> TokenText(const Value& value) {
  const Value* text = &value;
  if (const Value* content = Field(value, "content")) text = content;
  if (!text->is(Value::Kind::kString)) return std::nullopt;
  return text->text().Join();
}

// One id or a list of ids. Ids that the tokenizer does not have can never be drawn and are left out.
void AddEndTokens(const Value* ids, std::int32_t size, std::vector<std::int32_t>& ends) {
  if (ids == nullptr) return;
  if (ids->is(Value::Kind::kList)) {
    for (const Value& id : ids->list()) AddEndTokens(&id, size, ends);
    return;
  }
  if (!ids->is(Value::Kind::kInteger) || ids->integer() < 0 || ids->integer() >= size) return;
  const auto token = static_cast<std::int32_t>(ids->integer());
  if (std::find(ends.begin(), ends.end(), token) == ends.end()) ends.push_back(token);
}

// A string, or a list of {"name": ..., "template": ...}; chat_template.jinja is the default one.
Result<std::vector<NamedTemplate>> Templates(const Value& config, const std::string& jinja,
                                             const std::string& folder) {
  std::vector<NamedTemplate> templates;
  if (!jinja.empty()) templates.push_back({"default", jinja});
  const Value* field = Field(config, "chat_template");
  if (field == nullptr || field->is(Value::Kind::kNone)) return templates;
  if (field->is(Value::Kind::kString)) {
    if (jinja.empty()) templates.push_back({"default", field->text().Join()});
    return templates;
  }
  const Status wrong = DataLoss(fmt::format(
      "'{}': tokenizer_config.json: chat_template must be a string or a list of {{name, template}}", folder));
  if (!field->is(Value::Kind::kList)) return wrong;
  for (const Value& entry : field->list()) {
    const Value* name = Field(entry, "name");
    const Value* source = Field(entry, "template");
    if (name == nullptr || source == nullptr || !name->is(Value::Kind::kString) ||
        !source->is(Value::Kind::kString)) {
      return wrong;
    }
    if (!jinja.empty() && name->text().Join() == "default") continue;
    templates.push_back({name->text().Join(), source->text().Join()});
  }
  return templates;
}

void AddSpecialTokens(const Value& object, std::vector<std::pair<std::string, std::string>>& tokens) {
  if (!object.is(Value::Kind::kDict)) return;
  for (const auto& [key, value] : object.dict()) {
    const std::string name = key.Print().Join();
    if (!name.ends_with("_token") || name == "bos_token" || name == "eos_token") continue;
    const auto known = std::find_if(tokens.begin(), tokens.end(), [&](auto& t) { return t.first == name; });
    const auto text = TokenText(value);
    if (text && known == tokens.end()) tokens.emplace_back(name, *text);
  }
}

}  // namespace

Result<TextSource> ReadFolderText(const checkpoint::FolderTexts& texts, const std::string& name) {
  if (texts.tokenizer.empty()) {
    return NotFound(fmt::format("'{}' has no tokenizer.json: fetch it with the model", name));
  }
  VIVACE_ASSIGN_OR_RETURN(const Value config,
                          ReadObject(texts.tokenizer_config, name, "tokenizer_config.json"));
  VIVACE_ASSIGN_OR_RETURN(const Value map,
                          ReadObject(texts.special_tokens_map, name, "special_tokens_map.json"));
  VIVACE_ASSIGN_OR_RETURN(const Value generation,
                          ReadObject(texts.generation_config, name, "generation_config.json"));
  VIVACE_ASSIGN_OR_RETURN(const Value model, ReadObject(texts.config, name, "config.json"));
  auto made =
      tokenizer::Tokenizer::FromJson({texts.tokenizer, texts.tokenizer_config, texts.special_tokens_map});
  if (!made.ok()) return Status(made.status().code(), fmt::format("'{}': {}", name, made.status().message()));
  TextSource source{std::move(made).value(), {}, {}, {}};
  const std::int32_t size = source.tokenizer.size();
  for (const std::int32_t token : source.tokenizer.end_ids()) source.end_tokens.push_back(token);
  AddEndTokens(Field(generation, "eos_token_id"), size, source.end_tokens);
  if (Field(generation, "eos_token_id") == nullptr) {
    AddEndTokens(Field(model, "eos_token_id"), size, source.end_tokens);
    if (const Value* text = Field(model, "text_config"))
      AddEndTokens(Field(*text, "eos_token_id"), size, source.end_tokens);
  }
  VIVACE_ASSIGN_OR_RETURN(source.templates, Templates(config, texts.chat_template, name));
  AddSpecialTokens(config, source.special_tokens);
  AddSpecialTokens(map, source.special_tokens);
  return source;
}

}  // namespace vivace::engine
