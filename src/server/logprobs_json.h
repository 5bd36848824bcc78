// Log-probabilities in the two shapes of the OpenAI API. Free functions that append JSON text.
#pragma once

#include <string>
#include <string_view>

#include "server/openai_response.h"

namespace vivace::server {

/// {"text_offset", "token_logprobs", "tokens", "top_logprobs"}: parallel arrays.
void AppendCompletionLogprobs(const ChoicePart& part, const TokenTextFunction& token_text, std::string& out);
/// {"content": [{"token", "logprob", "bytes", "top_logprobs"}]}.
void AppendChatLogprobs(const ChoicePart& part, const TokenTextFunction& token_text, std::string& out);

/// ,"prompt_logprobs":[null, {"ID": {"logprob", "rank", "decoded_token"}}, ...]: one entry a prompt token.
/// The rank of a token that is not among the likeliest asked for is null.
void AppendPromptLogprobs(const ChoicePart& part, const TokenTextFunction& token_text, std::string& out);

/// A token's text for the completions shape: the text where it is whole UTF-8, otherwise
/// "bytes:\xe2\x80", so that two different tokens never share a key.
std::string PrintableToken(std::string_view bytes);

}  // namespace vivace::server
