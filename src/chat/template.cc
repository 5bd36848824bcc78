#include "chat/template.h"

#include <utility>

#include "base/status_macros.h"
#include "chat/evaluator.h"
#include "chat/lexer.h"
#include "chat/parser.h"

namespace vivace::chat {
namespace {
constexpr std::size_t kMaxSourceBytes = std::size_t{1} << 20;
}  // namespace

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

Value ChatVariables(std::span<const Message> messages, bool add_generation_prompt, std::string_view bos_token,
                    std::string_view eos_token) {
  Value::List list;
  for (const Message& message : messages) {
    list.push_back(Value::MakeDict({{"role", Value::Data(std::string(message.role))},
                                    {"content", Value::Data(std::string(message.content))}}));
  }
  return Value::MakeDict({{"messages", Value::MakeList(std::move(list))},
                          {"add_generation_prompt", Value::Bool(add_generation_prompt)},
                          {"bos_token", Value::Trusted(std::string(bos_token))},
                          {"eos_token", Value::Trusted(std::string(eos_token))}});
}

}  // namespace vivace::chat
