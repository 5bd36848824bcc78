#include "server/openai_response.h"

#include <array>

#include "base/json_text.h"
#include "server/logprobs_json.h"

namespace vivace::server {
namespace {

using base::AppendJsonInteger;
using base::AppendJsonString;

void AppendFrame(const ReplyFrame& frame, bool chunk, std::string& out) {
  out += R"({"id":)";
  AppendJsonString(frame.id, out);
  out += R"(,"object":")";
  if (frame.kind == ApiKind::kCompletion) {
    out += "text_completion";
  } else {
    out += chunk ? "chat.completion.chunk" : "chat.completion";
  }
  out += R"(","created":)";
  AppendJsonInteger(frame.created, out);
  out += R"(,"model":)";
  AppendJsonString(frame.model, out);
  if (!frame.fingerprint.empty()) {
    out += R"(,"system_fingerprint":)";
    AppendJsonString(frame.fingerprint, out);
  }
  out += R"(,"choices":[)";
}

void AppendIds(std::string_view name, std::span<const std::int32_t> ids, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":";
  AppendTokenIds(ids, out);
}

void AppendText(const ChoicePart& part, const ReplyFrame& frame, bool chunk, std::string& out) {
  if (frame.kind == ApiKind::kCompletion) {
    out += R"(,"text":)";
    AppendJsonString(part.text, out);
    return;
  }
  out += chunk ? R"(,"delta":{)" : R"(,"message":{)";
  if (part.with_role || !chunk) {
    out += R"("role":)";
    AppendJsonString(frame.role, out);
    out += ',';
  }
  out += R"("content":)";
  AppendJsonString(part.text, out);
  out += chunk ? "}" : R"(,"refusal":null})";
}

void AppendEnd(const ChoicePart& part, std::string& out) {
  out += R"(,"finish_reason":)";
  if (part.finish_reason == FinishReason::kNone) {
    out += "null";
  } else {
    AppendJsonString(FinishReasonText(part.finish_reason), out);
  }
  out += R"(,"stop_reason":)";
  if (part.stop_token) {
    AppendJsonInteger(*part.stop_token, out);
  } else if (part.stop_reason.empty()) {
    out += "null";
  } else {
    AppendJsonString(part.stop_reason, out);
  }
}

void AppendChoice(const ChoicePart& part, const ReplyFrame& frame, bool chunk,
                  const TokenTextFunction& token_text, std::string& out) {
  const bool is_completion = frame.kind == ApiKind::kCompletion;
  out += R"({"index":)";
  AppendJsonInteger(part.index, out);
  AppendText(part, frame, chunk, out);
  out += R"(,"logprobs":)";
  if (!part.with_logprobs) {
    out += "null";
  } else if (is_completion) {
    AppendCompletionLogprobs(part, token_text, out);
  } else {
    AppendChatLogprobs(part, token_text, out);
  }
  AppendEnd(part, out);
  if (is_completion && part.with_prompt_logprobs) AppendPromptLogprobs(part, token_text, out);
  if (part.with_token_ids) {
    if (is_completion && !part.prompt_token_ids.empty()) {
      AppendIds("prompt_token_ids", part.prompt_token_ids, out);
    }
    AppendIds("token_ids", part.token_ids, out);
  }
  out += '}';
}

/// What a chat answer says of its prompt, which all its choices share.
void AppendChatPrompt(const ReplyFrame& frame, const ChoicePart& part, const TokenTextFunction& token_text,
                      std::string& out) {
  if (frame.kind != ApiKind::kChat) return;
  if (part.with_prompt_logprobs) AppendPromptLogprobs(part, token_text, out);
  if (!part.prompt_token_ids.empty()) AppendIds("prompt_token_ids", part.prompt_token_ids, out);
}

void AppendUsage(const Usage& usage, bool with_details, std::string& out) {
  out += R"("usage":{"prompt_tokens":)";
  AppendJsonInteger(usage.prompt_tokens, out);
  out += R"(,"completion_tokens":)";
  AppendJsonInteger(usage.completion_tokens, out);
  out += R"(,"total_tokens":)";
  AppendJsonInteger(usage.prompt_tokens + usage.completion_tokens, out);
  if (with_details) {
    out += R"(,"prompt_tokens_details":{"cached_tokens":)";
    AppendJsonInteger(usage.cached_tokens, out);
    out += '}';
  }
  out += '}';
}

}  // namespace

void AppendTokenIds(std::span<const std::int32_t> ids, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonInteger(ids[i], out);
  }
  out += ']';
}

std::int64_t CountCharacters(std::string_view bytes) {
  std::int64_t count = 0;
  for (const char byte : bytes) count += (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  return count;
}

std::string WholeReply(const ReplyFrame& frame, std::span<const ChoicePart> choices, const Usage& usage,
                       const TokenTextFunction& token_text) {
  std::string out;
  AppendFrame(frame, false, out);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) out += ',';
    AppendChoice(choices[i], frame, false, token_text, out);
  }
  out += ']';
  if (!choices.empty()) AppendChatPrompt(frame, choices.front(), token_text, out);
  out += ',';
  AppendUsage(usage, frame.with_prompt_details, out);
  out += '}';
  return out;
}

std::string ChunkReply(const ReplyFrame& frame, const ChoicePart& part, const ChunkUsage& usage,
                       const TokenTextFunction& token_text) {
  std::string out;
  AppendFrame(frame, true, out);
  AppendChoice(part, frame, true, token_text, out);
  out += ']';
  AppendChatPrompt(frame, part, token_text, out);
  if (usage.so_far) {
    out += ',';
    AppendUsage(*usage.so_far, false, out);
  } else if (usage.follows) {
    out += R"(,"usage":null)";
  }
  out += '}';
  return out;
}

std::string UsageChunk(const ReplyFrame& frame, const Usage& usage) {
  std::string out;
  AppendFrame(frame, true, out);
  out += "],";
  AppendUsage(usage, frame.with_prompt_details, out);
  out += '}';
  return out;
}

std::string ModelCard(std::string_view name, const ModelInfo& model, std::int64_t created) {
  std::string out = R"({"id":)";
  AppendJsonString(name, out);
  out += R"(,"object":"model","created":)";
  AppendJsonInteger(created, out);
  out += R"(,"owned_by":"vivace","root":)";
  AppendJsonString(model.path, out);
  out += R"(,"parent":null,"max_model_len":)";
  AppendJsonInteger(model.max_model_len, out);
  // vLLM's clients read the permissions of a list that has one entry.
  out += R"(,"permission":[{"id":)";
  AppendJsonString("modelperm-" + std::string(name), out);
  out += R"(,"object":"model_permission","created":)";
  AppendJsonInteger(created, out);
  out += R"(,"allow_create_engine":false,"allow_sampling":true,"allow_logprobs":true,)"
         R"("allow_search_indices":false,"allow_view":true,"allow_fine_tuning":false,)"
         R"("organization":"*","group":null,"is_blocking":false}]})";
  return out;
}

std::string ModelList(std::span<const std::string> names, const ModelInfo& model, std::int64_t created) {
  std::string out = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += ',';
    out += ModelCard(names[i], model, created);
  }
  return out + "]}";
}

}  // namespace vivace::server
