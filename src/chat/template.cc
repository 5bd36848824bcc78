#include "chat/template.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/status_macros.h"
#include "chat/evaluator.h"
#include "chat/lexer.h"
#include "chat/objects.h"
#include "chat/parser.h"

namespace vivace::chat {
struct Template::Impl {
  Syntax syntax;
};

Template::Template(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::Parse(std::string_view source, const ParseOptions& options) {
  if (source.size() > kMaxSourceBytes) {
    return InvalidArgument("the chat template has " + std::to_string(source.size()) + " bytes; at most " +
                           std::to_string(kMaxSourceBytes) + " are read");
  }
  VIVACE_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source, options));
  VIVACE_ASSIGN_OR_RETURN(Syntax syntax, chat::Parse(std::move(tokens)));
  return Template(std::make_unique<Impl>(Impl{std::move(syntax)}));
}

Result<std::vector<Piece>> Template::Render(const Value& variables, const Budget& budget) const {
  VIVACE_ASSIGN_OR_RETURN(const Text text, Evaluator(impl_->syntax, variables, budget).Run());
  return text.pieces();
}

Result<Value> ChatVariables(const ChatInputs& inputs) {
  constexpr std::string_view kFields[] = {"messages", "tools", "documents", "add_generation_prompt"};
  Value::Dict variables;
  const auto add = [&variables](Value name, Value value) {
    for (auto& [known, old] : variables) {
      if (!(known == name)) continue;
      old = std::move(value);
      return;
    }
    variables.emplace_back(std::move(name), std::move(value));
  };
  const Value fields[] = {inputs.messages, inputs.tools, inputs.documents,
                          Value::Bool(inputs.add_generation_prompt)};
  for (std::size_t i = 0; i < std::size(kFields); ++i) add(Value::Trusted(kFields[i]), fields[i]);
  for (const auto& [name, token] : inputs.special_tokens) add(Value::Trusted(name), Value::Trusted(token));
  if (inputs.bos_token) add(Value::Trusted("bos_token"), Value::Trusted(*inputs.bos_token));
  if (inputs.eos_token) add(Value::Trusted("eos_token"), Value::Trusted(*inputs.eos_token));
  if (inputs.now)
    add(Value::Trusted("strftime_now"), Value::MakeObject(std::make_shared<Clock>(*inputs.now)));
  if (inputs.template_kwargs.is(Value::Kind::kDict)) {
    for (const auto& [name, value] : inputs.template_kwargs.dict()) {
      const std::string text = name.Print().Join();
      if (std::find(std::begin(kFields), std::end(kFields), text) != std::end(kFields)) {
        return InvalidArgument("chat_template_kwargs: \"" + text + "\" is a field of its own in the request");
      }
      add(name, value);
    }
  } else if (!inputs.template_kwargs.is(Value::Kind::kNone)) {
    return InvalidArgument("chat_template_kwargs is " + std::string(inputs.template_kwargs.KindName()) +
                           ", not a dict");
  }
  return Value::MakeDict(std::move(variables));
}

Value ChatVariables(std::span<const Message> messages, bool add_generation_prompt, std::string_view bos_token,
                    std::string_view eos_token) {
  Value::List list;
  for (const Message& message : messages) {
    list.push_back(
        Value::MakeRecord({{"role", Value::Data(message.role)}, {"content", Value::Data(message.content)}}));
  }
  return Value::MakeRecord({{"messages", Value::MakeList(std::move(list))},
                            {"add_generation_prompt", Value::Bool(add_generation_prompt)},
                            {"bos_token", Value::Trusted(bos_token)},
                            {"eos_token", Value::Trusted(eos_token)}});
}

}  // namespace vivace::chat
