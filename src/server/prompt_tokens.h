// How a request's texts become tokens: templates, start tokens, truncation, bad words. Free functions that
// may take long: for the background thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "server/backend.h"
#include "server/openai_request.h"

namespace vivace::server {

/// The tokens of one prompt, or of the request's messages where it has some. May be empty.
Result<std::vector<std::int32_t>> PromptTokens(const Backend& backend, const ApiRequest& request,
                                               const PromptInput& prompt);

/// The error of a prompt that PromptTokens refused: where it is the request's mistake, it names the field.
ApiError PromptError(const ApiRequest& request, const Status& status);

/// Everything that the engine is given for one request.
struct TokenizedRequest {
  std::vector<std::vector<std::int32_t>> prompts;
  std::vector<bool> cut;  // parallel to prompts: truncated
  SamplingParams sampling;
};
/// Tokenises, truncates, and checks that prompt and answer fit the model.
std::optional<ApiError> TokenizeRequest(const Backend& backend, const ApiRequest& request,
                                        TokenizedRequest& out);

}  // namespace vivace::server
