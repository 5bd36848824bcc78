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
  out += R"(,"choices":[)";
}

void AppendIds(std::string_view name, const std::vector<std::int32_t>& ids, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":[";
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonInteger(ids[i], out);
  }
  out += ']';
}

void AppendText(const ChoicePart& part, ApiKind kind, bool chunk, std::string& out) {
  if (kind == ApiKind::kCompletion) {
    out += R"(,"text":)";
    AppendJsonString(part.text, out);
    return;
  }
  out += chunk ? R"(,"delta":{)" : R"(,"message":{)";
  if (part.with_role || !chunk) out += R"("role":"assistant",)";
  out += R"("content":)";
  AppendJsonString(part.text, out);
  out += '}';
}

void AppendChoice(const ChoicePart& part, ApiKind kind, bool chunk, const TokenTextFunction& token_text,
                  std::string& out) {
  out += R"({"index":)";
  AppendJsonInteger(part.index, out);
  AppendText(part, kind, chunk, out);
  out += R"(,"logprobs":)";
  if (!part.with_logprobs) {
    out += "null";
  } else if (kind == ApiKind::kCompletion) {
    AppendCompletionLogprobs(part, token_text, out);
  } else {
    AppendChatLogprobs(part, token_text, out);
  }
  out += R"(,"finish_reason":)";
  if (part.finish_reason == FinishReason::kNone) {
    out += "null";
  } else {
    AppendJsonString(FinishReasonText(part.finish_reason), out);
  }
  out += R"(,"stop_reason":)";
  if (part.stop_reason.empty()) {
    out += "null";
  } else {
    AppendJsonString(part.stop_reason, out);
  }
  if (part.with_token_ids) {
    if (!part.prompt_token_ids.empty()) AppendIds("prompt_token_ids", part.prompt_token_ids, out);
    AppendIds("token_ids", part.token_ids, out);
  }
  out += '}';
}

void AppendUsage(const Usage& usage, std::string& out) {
  out += R"("usage":{"prompt_tokens":)";
  AppendJsonInteger(usage.prompt_tokens, out);
  out += R"(,"completion_tokens":)";
  AppendJsonInteger(usage.completion_tokens, out);
  out += R"(,"total_tokens":)";
  AppendJsonInteger(usage.prompt_tokens + usage.completion_tokens, out);
  out += R"(,"prompt_tokens_details":{"cached_tokens":)";
  AppendJsonInteger(usage.cached_tokens, out);
  out += "}}";
}

}  // namespace

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
    AppendChoice(choices[i], frame.kind, false, token_text, out);
  }
  out += "],";
  AppendUsage(usage, out);
  out += '}';
  return out;
}

std::string ChunkReply(const ReplyFrame& frame, const ChoicePart& part, bool usage_follows,
                       const TokenTextFunction& token_text) {
  std::string out;
  AppendFrame(frame, true, out);
  AppendChoice(part, frame.kind, true, token_text, out);
  out += usage_follows ? R"(],"usage":null})" : "]}";
  return out;
}

std::string UsageChunk(const ReplyFrame& frame, const Usage& usage) {
  std::string out;
  AppendFrame(frame, true, out);
  out += "],";
  AppendUsage(usage, out);
  out += '}';
  return out;
}

std::string ModelCard(const ModelInfo& model, std::int64_t created) {
  std::string out = R"({"id":)";
  AppendJsonString(model.name, out);
  out += R"(,"object":"model","created":)";
  AppendJsonInteger(created, out);
  out += R"(,"owned_by":"vivace","root":)";
  AppendJsonString(model.name, out);
  out += R"(,"parent":null,"max_model_len":)";
  AppendJsonInteger(model.max_model_len, out);
  out += '}';
  return out;
}

std::string ModelList(const ModelInfo& model, std::int64_t created) {
  return R"({"object":"list","data":[)" + ModelCard(model, created) + "]}";
}

}  // namespace vivace::server
