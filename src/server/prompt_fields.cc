// Fields that say what is answered: prompts, messages, and how they become tokens.
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "server/request_fields.h"

namespace vivace::server {
namespace json = boost::json;
namespace {

constexpr int kIntMax = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kEffortBytes = 64;

void ReadPromptIds(const FieldContext& context, const json::array& array) {
  std::vector<std::int32_t> ids;
  context.fields.TokenIds("prompt", array, context.rules.vocabulary, ids);
  context.request.prompts.emplace_back(std::move(ids));
}

/// A string, an array of token ids, or an array of either.
void ReadPrompts(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  const json::value* value = fields.Find("prompt");
  if (value == nullptr) {
    return fields.Fail("prompt", "prompt is missing: a string or an array of token ids", "missing_field");
  }
  if (const auto* string = value->if_string()) {
    request.prompts.emplace_back(std::string(*string));
    return;
  }
  const auto* array = value->if_array();
  if (array == nullptr) {
    return fields.Fail(
        "prompt",
        "prompt must be a string, an array of token ids, or an array of those, but is " + Shown(*value),
        "invalid_type");
  }
  if (array->empty()) return fields.Fail("prompt", "prompt is empty: give at least one token or string");
  if ((*array)[0].is_number()) return ReadPromptIds(context, *array);
  if (array->size() > kMaxSequences) {
    return fields.Fail("prompt", "prompt holds " + std::to_string(array->size()) + " prompts; at most " +
                                     std::to_string(kMaxSequences) + " are allowed");
  }
  for (std::size_t i = 0; i < array->size() && !fields.error(); ++i) {
    const json::value& item = (*array)[i];
    if (const auto* string = item.if_string()) {
      request.prompts.emplace_back(std::string(*string));
    } else if (const auto* ids = item.if_array()) {
      ReadPromptIds(context, *ids);
    } else {
      fields.Fail("prompt", "item " + std::to_string(i) + " of prompt is " + Shown(item) +
                                "; it must be a string or an array of token ids");
    }
  }
}

/// /tokenize: one text, where there are no messages.
void ReadText(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  const bool has_messages = fields.Find("messages") != nullptr;
  if (fields.Find("prompt") == nullptr) {
    if (!has_messages) fields.Fail("prompt", "prompt is missing: a string, or messages", "missing_field");
    return;
  }
  if (has_messages) return fields.Fail("prompt", "prompt and messages are both given; leave one out");
  std::string text;
  fields.Text("prompt", std::size_t{1} << 30, text);
  request.prompts.emplace_back(std::move(text));
}

void ReadTokens(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  if (fields.Find("tokens") == nullptr) {
    return fields.Fail("tokens", "tokens is missing: an array of token ids", "missing_field");
  }
  std::vector<std::int32_t> ids;
  fields.TokenIds("tokens", std::size_t{1} << 24, rules.vocabulary, ids);
  request.prompts.emplace_back(std::move(ids));
}

/// Appends one part of a message's content; false after an error.
bool AppendPart(FieldReader& fields, const std::string& where, const json::value& part, bool first,
                std::string& target) {
  const auto* object = part.if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  const json::value* text = object == nullptr ? nullptr : object->if_contains("text");
  const bool is_text =
      type != nullptr && type->is_string() && type->get_string() == "text" && text != nullptr;
  if (!is_text || !text->is_string()) {
    fields.Fail("messages", where + ".content holds a part of type " +
                                (type == nullptr ? "(missing)" : Shown(*type)) +
                                "; only {\"type\": \"text\", \"text\": ...} is supported");
    return false;
  }
  if (!first) target += '\n';
  target.append(text->get_string().data(), text->get_string().size());
  return true;
}

/// A string, or an array of text parts, joined by line ends.
void ReadContent(FieldReader& fields, const std::string& where, const json::value* content,
                 std::string& target) {
  if (content == nullptr || content->is_null()) {
    return fields.Fail("messages", where + ".content is missing: a string or text parts", "missing_field");
  }
  if (const auto* string = content->if_string()) {
    target.assign(string->data(), string->size());
    return;
  }
  const auto* parts = content->if_array();
  if (parts == nullptr || parts->empty()) {
    return fields.Fail(
        "messages", where + ".content must be a string or an array of text parts, but is " + Shown(*content));
  }
  bool first = true;
  for (const json::value& part : *parts) {
    if (!AppendPart(fields, where, part, first, target)) return;
    first = false;
  }
}

/// Templates read arguments as an object; clients send them as JSON text.
bool ReadToolCalls(FieldReader& fields, const std::string& where, json::value& calls) {
  bool right = calls.is_array();
  for (std::size_t i = 0; right && i < calls.get_array().size(); ++i) {
    auto* call = calls.get_array()[i].if_object();
    json::value* function = call == nullptr ? nullptr : call->if_contains("function");
    auto* object = function == nullptr ? nullptr : function->if_object();
    json::value* arguments = object == nullptr ? nullptr : object->if_contains("arguments");
    right = arguments != nullptr;
    if (!right || !arguments->is_string()) continue;
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = kJsonDepth;
    json::value parsed = json::parse(arguments->get_string(), error, {}, options);
    right = !error;
    if (right) *arguments = std::move(parsed);
  }
  if (right) return true;
  fields.Fail("messages", where + ".tool_calls must be an array of objects with function.name and " +
                              "function.arguments, which is JSON");
  return false;
}

/// What a message has beside role and content, for the template.
void ReadOtherKeys(FieldReader& fields, const std::string& where, const json::object& object,
                   ChatMessage& message) {
  json::object others;
  for (const auto& [key, value] : object) {
    if (key == "role" || key == "content" || value.is_null()) continue;
    if (key == "function_call" || key == "audio") {
      return fields.Fail("messages",
                         where + "." + std::string(key) + " is not supported by this server; leave it out",
                         "unsupported_value");
    }
    json::value copy = value;
    if (key == "tool_calls" && !ReadToolCalls(fields, where, copy)) return;
    others[key] = std::move(copy);
  }
  if (!others.empty()) message.fields_json = json::serialize(others);
}

void ReadMessage(FieldReader& fields, const std::string& where, const json::object& object,
                 ChatMessage& message) {
  const json::value* role = object.if_contains("role");
  constexpr std::size_t kRoleBytes = 64;
  if (role == nullptr || !role->is_string() || role->get_string().empty() ||
      role->get_string().size() > kRoleBytes) {
    return fields.Fail("messages", where + ".role must be a string such as \"user\", but is " +
                                       (role == nullptr ? "missing" : Shown(*role)));
  }
  message.role = std::string(role->get_string());
  ReadOtherKeys(fields, where, object, message);
  const json::value* content = object.if_contains("content");
  const bool calls_tools = message.fields_json.find("\"tool_calls\"") != std::string::npos;
  if (calls_tools && (content == nullptr || content->is_null())) return;
  ReadContent(fields, where, content, message.content);
}

void ReadMessages(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  const json::value* value = fields.Find("messages");
  if (value == nullptr) {
    if (request.kind == ApiKind::kTokenize) return;  // then there is a prompt
    return fields.Fail("messages", "messages is missing", "missing_field");
  }
  const auto* array = value->if_array();
  if (array == nullptr || array->empty() || array->size() > kMaxMessages) {
    return fields.Fail("messages", "messages must be an array of 1 to " + std::to_string(kMaxMessages) +
                                       " messages, but is " + Shown(*value));
  }
  for (std::size_t i = 0; i < array->size() && !fields.error(); ++i) {
    const std::string where = "messages[" + std::to_string(i) + "]";
    const auto* object = (*array)[i].if_object();
    if (object == nullptr) {
      return fields.Fail("messages", where + " must be an object with role and content");
    }
    ReadMessage(fields, where, *object, request.chat.messages.emplace_back());
  }
}

/// Whether the prompt ends in the start of an answer, in the last message, or after it.
void ReadPromptEnd(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  ChatPrompt& chat = request.chat;
  fields.Flag("continue_final_message", chat.continue_final_message);
  chat.add_generation_prompt = !chat.continue_final_message;
  fields.Flag("add_generation_prompt", chat.add_generation_prompt);
  if (chat.add_generation_prompt && chat.continue_final_message) {
    fields.Fail("continue_final_message",
                "continue_final_message and add_generation_prompt are both true; set one of them to false");
  }
}

/// Completions add the start token, chat templates have it already.
void ReadAddSpecialTokens(const FieldContext& context) {
  context.request.add_special_tokens =
      context.request.kind == ApiKind::kCompletion ||
      (context.request.kind == ApiKind::kTokenize && context.fields.Find("messages") == nullptr);
  context.fields.Flag(context.name, context.request.add_special_tokens);
}

bool MayBringTemplates(const FieldContext& context) {
  if (context.rules.templates_from_requests) return true;
  context.fields.Fail(
      context.name,
      std::string(context.name) + " is refused: this server runs with --no-trust-request-chat-template",
      "unsupported_value");
  return false;
}

void ReadTemplate(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  request.chat.chat_template = rules.chat_template;
  if (fields.Find(name) == nullptr || !MayBringTemplates(context)) return;
  fields.Text(name, kMaxTemplateBytes, request.chat.chat_template);
}

/// Names that the request itself sets; a template variable must not replace them.
constexpr std::array<std::string_view, 7> kReserved = {
    "messages",      "tools",   "documents", "add_generation_prompt", "continue_final_message",
    "chat_template", "tokenize"};

void ReadTemplateVariables(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  json::object all;
  if (!rules.template_variables_json.empty()) {
    all = json::parse(rules.template_variables_json).as_object();  // checked at start
  }
  if (const json::value* effort = fields.Find("reasoning_effort")) all["reasoning_effort"] = *effort;
  if (const json::value* value = fields.Find(name)) {
    const auto* object = value->if_object();
    if (object == nullptr) {
      return fields.Fail(name, std::string(name) + " must be an object, but is " + Shown(*value),
                         "invalid_type");
    }
    for (const std::string_view reserved : kReserved) {
      if (!object->contains(reserved)) continue;
      return fields.Fail(name, std::string(name) + " must not hold " + std::string(reserved) +
                                   ": it is a field of the request");
    }
    for (const auto& [key, item] : *object) all[key] = item;
  }
  if (!all.empty()) request.chat.template_variables_json = json::serialize(all);
}

void ReadReasoningEffort(const FieldContext& context) {
  std::string effort;
  context.fields.Text(context.name, kEffortBytes, effort);
}

void ReadDocuments(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  const json::value* value = fields.Find(name);
  if (value == nullptr) return;
  const auto* array = value->if_array();
  bool objects = array != nullptr;
  for (std::size_t i = 0; objects && i < array->size(); ++i) objects = (*array)[i].is_object();
  if (!objects) {
    return fields.Fail(name, "documents must be an array of objects, but is " + Shown(*value),
                       "invalid_type");
  }
  if (!array->empty()) request.chat.documents_json = json::serialize(*array);
}

/// Tools are shown to the template only where none is to be called.
void ReadTools(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  const json::value* tools = fields.Find("tools");
  if (tools == nullptr || (tools->is_array() && tools->get_array().empty())) return;
  if (!tools->is_array()) {
    return fields.Fail("tools", "tools must be an array, but is " + Shown(*tools), "invalid_type");
  }
  const json::value* choice = fields.Find("tool_choice");
  const bool none = choice != nullptr && choice->is_string() && choice->get_string() == "none";
  if (request.kind != ApiKind::kTokenize && !none) {
    return fields.Fail("tools",
                       "tools are not called by this server; leave them out, or set tool_choice to \"none\"",
                       "unsupported_value");
  }
  request.chat.tools_json = json::serialize(*tools);
}

void ReadToolChoice(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  const json::value* choice = fields.Find(name);
  if (choice == nullptr) return;
  const bool text = choice->is_string();
  const bool harmless = text && (choice->get_string() == "none" ||
                                 (choice->get_string() == "auto" && request.chat.tools_json.empty()));
  if (harmless) return;
  fields.Fail(name, "tool_choice is " + Shown(*choice) + ": tools are not called; only \"none\" is supported",
              "unsupported_value");
}

void ReadTruncate(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  if (fields.Find(name) == nullptr) return;
  int count = -1;
  fields.Integer(name, -1, kIntMax, count);
  if (count == 0) {
    fields.Fail(name, "truncate_prompt_tokens is 0, which leaves no prompt: give -1 or at least 1");
  }
  request.truncate_prompt_tokens = count;
}

void ReadTruncationSide(const FieldContext& context) {
  auto& [fields, name, rules, request] = context;
  std::string side = "left";
  fields.Text(name, 64, side);
  if (side != "left" && side != "right") {
    fields.Fail(name, "truncation_side must be \"left\" or \"right\", but is \"" + side + "\"");
  }
  request.keep_start = side == "right";
}

// clang-format off: a table
constexpr std::array kRows = {
    RequestField{.name = "model",
                 .endpoints = kInAnswers | kInTokenize | kInDetokenize,
                 .target = &ApiRequest::model,
                 .default_text = "the served model",
                 .help = "a name of /v1/models; another one is answered with 404",
                 .maximum = 4096},
    RequestField{.name = "prompt",
                 .endpoints = kInCompletions,
                 .target = &ReadPrompts,
                 .default_text = "",
                 .help = "what the answer goes on from; special tokens spelled in a text count as such",
                 .maximum = kMaxSequences,
                 .shape = FieldShape::kPrompts},
    RequestField{.name = "prompt",
                 .endpoints = kInTokenize,
                 .target = &ReadText,
                 .default_text = "",
                 .help = "the text; required unless there are messages",
                 .shape = FieldShape::kText},
    RequestField{.name = "tokens",
                 .endpoints = kInDetokenize,
                 .target = &ReadTokens,
                 .default_text = "",
                 .help = "the ids",
                 .shape = FieldShape::kTokenIds},
    RequestField{
        .name = "messages",
        .endpoints = kInChat | kInTokenize,
        .target = &ReadMessages,
        .default_text = "",
        .help = "the conversation; content is a string or an array of text parts, joined by line ends",
        .minimum = 1,
        .maximum = kMaxMessages,
        .shape = FieldShape::kMessages},
    RequestField{.name = "add_generation_prompt",
                 .endpoints = kInChat | kInTokenize,
                 .target = &ReadPromptEnd,
                 .default_text = "true",
                 .help = "the prompt ends with the start of an answer",
                 .shape = FieldShape::kFlag},
    RequestField{.name = "continue_final_message",
                 .endpoints = kInChat | kInTokenize,
                 .target = &ReadPromptEnd,
                 .default_text = "false",
                 .help = "the prompt ends inside the last message, and the answer goes on from there",
                 .shape = FieldShape::kFlag},
    RequestField{.name = "add_special_tokens",
                 .endpoints = kInAnswers | kInTokenize,
                 .target = &ReadAddSpecialTokens,
                 .default_text = "true; false for messages",
                 .help = "the model's start token goes before the prompt, where it has one",
                 .shape = FieldShape::kFlag},
    RequestField{.name = "chat_template",
                 .endpoints = kInChat | kInTokenize,
                 .target = &ReadTemplate,
                 .default_text = "the model's, or that of --chat-template",
                 .help = "a Jinja template for this request",
                 .maximum = kMaxTemplateBytes,
                 .shape = FieldShape::kText},
    RequestField{.name = "chat_template_kwargs",
                 .endpoints = kInChat | kInTokenize,
                 .target = &ReadTemplateVariables,
                 .default_text = "{}",
                 .help = "further variables of the template",
                 .shape = FieldShape::kObject},
    RequestField{.name = "reasoning_effort",
                 .endpoints = kInChat,
                 .target = &ReadReasoningEffort,
                 .default_text = "null",
                 .help = "a variable of the template",
                 .maximum = kEffortBytes,
                 .shape = FieldShape::kText},
    RequestField{.name = "documents",
                 .endpoints = kInChat,
                 .target = &ReadDocuments,
                 .default_text = "[]",
                 .help = "a variable of the template",
                 .shape = FieldShape::kObjects},
    RequestField{.name = "tools",
                 .endpoints = kInChat | kInTokenize,
                 .target = &ReadTools,
                 .default_text = "[]",
                 .help = "a variable of the template; with a tool_choice other than \"none\" it is refused, "
                         "because tools are not called",
                 .shape = FieldShape::kArray},
    RequestField{.name = "tool_choice",
                 .endpoints = kInChat,
                 .target = &ReadToolChoice,
                 .default_text = "\"none\"",
                 .help = "only \"none\", or \"auto\" without tools",
                 .shape = FieldShape::kToolChoice},
    RequestField{.name = "truncate_prompt_tokens",
                 .endpoints = kInAnswers,
                 .target = &ReadTruncate,
                 .default_text = "null",
                 .help = "a longer prompt is cut to so many tokens; -1: to what leaves room for the answer",
                 .minimum = -1,
                 .maximum = kIntMax,
                 .shape = FieldShape::kTruncation},
    RequestField{.name = "truncation_side",
                 .endpoints = kInAnswers,
                 .target = &ReadTruncationSide,
                 .default_text = "\"left\"",
                 .help = "the side on which a prompt is cut",
                 .shape = FieldShape::kSide},
    RequestField{.name = "cache_salt",
                 .endpoints = kInAnswers,
                 .target = &ApiRequest::cache_salt,
                 .default_text = "null",
                 .help = "the prompt shares cached blocks only with equal salts",
                 .maximum = 1024},
};
// clang-format on

}  // namespace

std::span<const RequestField> PromptFields() {
  return kRows;
}

}  // namespace vivace::server
