#include "server/prompt_tokens.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"

namespace vivace::server {
namespace {

std::string_view PromptField(const ApiRequest& request) {
  return request.chat.messages.empty() ? "prompt" : "messages";
}

/// Cuts the prompt where the request says so; true when something went.
bool Truncate(const ApiRequest& request, int max_model_len, std::vector<std::int32_t>& ids) {
  if (!request.truncate_prompt_tokens) return false;
  std::int64_t keep = *request.truncate_prompt_tokens;
  if (keep < 0) keep = std::max(max_model_len - std::max(request.max_tokens.value_or(1), 1), 1);
  if (static_cast<std::int64_t>(ids.size()) <= keep) return false;
  if (request.keep_start) {
    ids.resize(static_cast<std::size_t>(keep));
  } else {
    ids.erase(ids.begin(), ids.end() - keep);
  }
  return true;
}

std::optional<ApiError> FitLength(const Backend& backend, const ApiRequest& request, TokenizedRequest& out) {
  const std::string field(PromptField(request));
  const int limit = backend.model().max_model_len;
  std::size_t longest = 0;
  for (const auto& prompt : out.prompts) {
    if (prompt.empty()) return FieldError(field, field + " is empty: it must have at least one token");
    longest = std::max(longest, prompt.size());
  }
  const auto prompt_tokens = static_cast<std::int64_t>(longest);
  const std::int64_t wanted = std::max(request.max_tokens.value_or(1), 1);
  if (prompt_tokens + wanted > limit) {
    return FieldError(field,
                      "This model's maximum context length is " + std::to_string(limit) +
                          " tokens. However, you requested " + std::to_string(prompt_tokens + wanted) +
                          " tokens (" + std::to_string(prompt_tokens) + " in the " + field + ", " +
                          std::to_string(wanted) + " in the completion). Please reduce the length of the " +
                          field + " or the completion.",
                      "context_length_exceeded");
  }
  const std::int64_t room = limit - prompt_tokens;
  const std::int64_t most = request.sampling.max_tokens > 0 ? request.sampling.max_tokens : room;
  out.sampling.max_tokens = static_cast<int>(request.max_tokens ? wanted : std::min(most, room));
  if (out.sampling.min_tokens > room) {
    return FieldError("min_tokens", "min_tokens is " + std::to_string(out.sampling.min_tokens) +
                                        ", but the prompt leaves room for " + std::to_string(room) +
                                        " tokens");
  }
  return std::nullopt;
}

std::optional<ApiError> EncodeBadWords(const Backend& backend, const ApiRequest& request,
                                       TokenizedRequest& out) {
  if (request.bad_words.empty()) return std::nullopt;
  auto encoded = backend.EncodeBadWords(request.bad_words);
  if (!encoded.ok()) return FieldError("bad_words", encoded.status().message());
  std::size_t tokens = 0;
  for (const auto& word : *encoded) tokens += word.size();
  if (tokens > kMaxBadWordTokens) {
    return FieldError("bad_words", "bad_words are " + std::to_string(tokens) + " tokens; at most " +
                                       std::to_string(kMaxBadWordTokens) + " are allowed");
  }
  out.sampling.bad_words = std::move(encoded).value();
  return std::nullopt;
}

}  // namespace

Result<std::vector<std::int32_t>> PromptTokens(const Backend& backend, const ApiRequest& request,
                                               const PromptInput& prompt) {
  if (request.chat.messages.empty()) {
    if (const auto* ids = std::get_if<std::vector<std::int32_t>>(&prompt)) return *ids;
    return backend.Tokenize(std::get<std::string>(prompt), request.add_special_tokens, true);
  }
  auto rendered = backend.RenderChat(request.chat);
  if (rendered.status().code() == StatusCode::kResourceExhausted) {
    // The template passed its budget: it would do so again, so clients must not retry.
    return InvalidArgument(rendered.status().message());
  }
  VIVACE_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids, std::move(rendered));
  if (request.add_special_tokens) {
    VIVACE_ASSIGN_OR_RETURN(const std::vector<std::int32_t> start, backend.Tokenize("", true, false));
    ids.insert(ids.begin(), start.begin(), start.end());
  }
  return ids;
}

ApiError PromptError(const ApiRequest& request, const Status& status) {
  ApiError error = FromStatus(status);
  if (error.status == 400) error.param = std::string(PromptField(request));
  return error;
}

std::optional<ApiError> TokenizeRequest(const Backend& backend, const ApiRequest& request,
                                        TokenizedRequest& out) {
  out.sampling = request.sampling;
  const std::size_t count = request.kind == ApiKind::kChat ? 1 : request.prompts.size();
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_chat = request.kind == ApiKind::kChat;
    auto ids = PromptTokens(backend, request, is_chat ? PromptInput() : request.prompts[i]);
    if (!ids.ok()) return PromptError(request, ids.status());
    out.cut.push_back(Truncate(request, backend.model().max_model_len, *ids));
    out.prompts.push_back(std::move(ids).value());
  }
  if (auto error = FitLength(backend, request, out)) return error;
  return EncodeBadWords(backend, request, out);
}

}  // namespace vivace::server
