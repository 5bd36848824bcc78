// A chat template: Jinja source, parsed once, rendered often. The interpreter knows no host objects, reads no
// files and is bounded by budgets. Thread safety: Render may be called from any thread. Ownership: owns its
// source and syntax tree.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/json_reader.h"
#include "chat/rendering.h"
#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

struct ParseOptions {
  bool trim_blocks = true;  // Hugging Face renders chat templates with both
  bool lstrip_blocks = true;
};

/// One message of a conversation, as the engine has it.
struct Message {
  std::string_view role;
  std::string_view content;
};

class Template {
 public:
  /// Errors name the line: a syntax error (kInvalidArgument), or a statement, filter, test or function that
  /// this interpreter does not know (kUnsupported).
  static Result<Template> Parse(std::string_view source, const ParseOptions& options = {});

  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  /// Renders with `variables`, a dict. raise_exception in the template is a kInvalidArgument Status with its
  /// message.
  Result<std::vector<Piece>> Render(const Value& variables, const Budget& budget = {}) const;

 private:
  struct Impl;
  explicit Template(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// What a chat template is rendered with. Values come from ValueFromJson (or are made with Value::Data), so
/// that everything in them is data.
struct ChatInputs {
  Value messages;                   // a list of dicts
  Value tools = Value::None();      // a list of dicts, or none
  Value documents = Value::None();  // a list of dicts, or none
  bool add_generation_prompt = true;
  std::optional<std::string_view> bos_token = {};  // not defined in the template where absent
  std::optional<std::string_view> eos_token = {};
  /// Other special tokens by their names in the tokenizer's configuration: unk_token, pad_token, ...
  std::vector<std::pair<std::string, std::string>> special_tokens = {};
  Value template_kwargs = Value::None();  // chat_template_kwargs of the request: a dict, or none
  std::optional<std::tm> now = {};        // local time for strftime_now, which is not defined where absent
};

/// The variables that a chat template expects. template_kwargs may replace the special tokens and add names
/// of its own. Errors: kInvalidArgument where it is no dict or names another field of ChatInputs.
Result<Value> ChatVariables(const ChatInputs& inputs);

/// The same of messages with nothing but a role and a text.
Value ChatVariables(std::span<const Message> messages, bool add_generation_prompt, std::string_view bos_token,
                    std::string_view eos_token);

}  // namespace vivace::chat
