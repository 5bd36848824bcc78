#include "engine/chat_renderer.h"

#include <fmt/format.h>

#include <ctime>
#include <string_view>

#include "base/status_macros.h"
#include "chat/json_reader.h"

namespace vivace::engine {
namespace {

using chat::Piece;
using chat::Value;

constexpr std::string_view kWhitespace = " \t\n\r\v\f";

std::string_view Strip(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kWhitespace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhitespace) + 1 - first);
}

// An empty text counts as none.
Result<Value> JsonField(const std::string& json, std::string_view field, Value::Kind kind) {
  if (json.empty()) return Value::None();
  auto value = chat::ValueFromJson(json);
  if (!value.ok()) return InvalidArgument(fmt::format("{}: {}", field, value.status().message()));
  if (!value->is(kind)) {
    return InvalidArgument(fmt::format("{} is {}; it must be {}", field, value->KindName(),
                                       kind == Value::Kind::kList ? "a list" : "an object"));
  }
  return std::move(value).value();
}

Result<Value> Messages(const ChatPrompt& prompt) {
  Value::List list;
  for (const ChatMessage& message : prompt.messages) {
    Value::Dict items{{Value::Data("role"), Value::Data(message.role)},
                      {Value::Data("content"), Value::Data(message.content)}};
    VIVACE_ASSIGN_OR_RETURN(const Value others,
                            JsonField(message.fields_json, "a message", Value::Kind::kDict));
    if (others.is(Value::Kind::kDict)) {
      items.insert(items.end(), others.dict().begin(), others.dict().end());
    }
    list.push_back(Value::MakeDict(std::move(items)));
  }
  return Value::MakeList(std::move(list));
}

std::tm LocalTime() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  return local;
}

// Cuts the pieces to their first `bytes` bytes.
void Cut(std::vector<Piece>& pieces, std::size_t bytes) {
  std::size_t kept = 0;
  for (; kept < pieces.size() && bytes > 0; ++kept) {
    if (pieces[kept].text.size() > bytes) pieces[kept].text.resize(bytes);
    bytes -= pieces[kept].text.size();
  }
  pieces.resize(kept);
}

// As transformers does: the prompt ends with the last message's text where that last occurs; spaces behind it
// stay when the template kept them.
Status EndInsideLastMessage(const ChatPrompt& prompt, std::vector<Piece>& pieces) {
  if (prompt.messages.empty()) return InvalidArgument("continue_final_message: there is no message");
  const std::string_view content = prompt.messages.back().content;
  const std::string_view stripped = Strip(content);
  std::string text;
  for (const Piece& piece : pieces) text += piece.text;
  const std::size_t at = stripped.empty() ? text.size() : text.rfind(stripped);
  if (at == std::string::npos) {
    return InvalidArgument(
        "continue_final_message: the chat template does not show the last message's text as it is, so it "
        "cannot be continued");
  }
  if (stripped.empty()) return InvalidArgument("continue_final_message: the last message is empty");
  const std::string_view to_the_end = content.substr(content.find_first_not_of(kWhitespace));
  const bool kept = std::string_view(text).substr(at).starts_with(to_the_end);
  Cut(pieces, at + (kept ? to_the_end.size() : stripped.size()));
  return Status::Ok();
}

}  // namespace

ChatRenderer::ChatRenderer(const TextSource& source, std::string model) : model_(std::move(model)) {
  for (const NamedTemplate& named : source.templates) {
    templates_.emplace_back(named.name, chat::Template::Parse(named.source));
  }
  const tokenizer::Tokenizer& tokenizer = source.tokenizer;
  if (const auto id = tokenizer.bos_id()) bos_ = tokenizer.TokenText(*id);
  if (const auto id = tokenizer.eos_id()) eos_ = tokenizer.TokenText(*id);
  special_tokens_ = source.special_tokens;
}

Result<const chat::Template*> ChatRenderer::Choose(const ChatPrompt& prompt) const {
  const auto find = [this](std::string_view name) -> const Result<chat::Template>* {
    for (const auto& [known, parsed] : templates_) {
      if (known == name) return &parsed;
    }
    return nullptr;
  };
  const Result<chat::Template>* chosen = find(prompt.chat_template);
  if (chosen == nullptr && !prompt.tools_json.empty()) chosen = find("tool_use");
  if (chosen == nullptr) chosen = find("default");
  if (chosen == nullptr && !templates_.empty()) {
    std::string names;
    for (const auto& [name, parsed] : templates_) names += (names.empty() ? "" : ", ") + name;
    return InvalidArgument(
        fmt::format("'{}' has chat templates, but no default one: name one of {}", model_, names));
  }
  if (chosen == nullptr) {
    return InvalidArgument(
        fmt::format("'{}' has no chat template: give one, or use the completions API", model_));
  }
  if (!chosen->ok()) return chosen->status();
  return &chosen->value();
}

Result<std::vector<Piece>> ChatRenderer::Render(const ChatPrompt& prompt) const {
  if (prompt.continue_final_message && prompt.add_generation_prompt) {
    return InvalidArgument(
        "continue_final_message and add_generation_prompt are both true: only one can be, for the prompt "
        "ends "
        "either in the last message or at a new one");
  }
  std::optional<chat::Template> own;
  const chat::Template* chosen = nullptr;
  if (prompt.chat_template.find("{") != std::string::npos) {  // Jinja source, not a name
    VIVACE_ASSIGN_OR_RETURN(own, chat::Template::Parse(prompt.chat_template));
    chosen = &*own;
  } else {
    VIVACE_ASSIGN_OR_RETURN(chosen, Choose(prompt));
  }
  chat::ChatInputs inputs;
  VIVACE_ASSIGN_OR_RETURN(inputs.messages, Messages(prompt));
  VIVACE_ASSIGN_OR_RETURN(inputs.tools, JsonField(prompt.tools_json, "tools", Value::Kind::kList));
  VIVACE_ASSIGN_OR_RETURN(inputs.documents,
                          JsonField(prompt.documents_json, "documents", Value::Kind::kList));
  VIVACE_ASSIGN_OR_RETURN(inputs.template_kwargs, JsonField(prompt.template_variables_json,
                                                            "chat_template_kwargs", Value::Kind::kDict));
  inputs.add_generation_prompt = prompt.add_generation_prompt;
  if (bos_) inputs.bos_token = *bos_;
  if (eos_) inputs.eos_token = *eos_;
  inputs.special_tokens = special_tokens_;
  inputs.now = LocalTime();
  VIVACE_ASSIGN_OR_RETURN(const Value variables, chat::ChatVariables(inputs));
  VIVACE_ASSIGN_OR_RETURN(std::vector<Piece> pieces, chosen->Render(variables));
  if (prompt.continue_final_message) VIVACE_RETURN_IF_ERROR(EndInsideLastMessage(prompt, pieces));
  return pieces;
}

}  // namespace vivace::engine
