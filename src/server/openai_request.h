// The bodies of /v1/completions and /v1/chat/completions, read and checked field by field. Plain data and
// free functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/api_error.h"
#include "vivace/request.h"
#include "vivace/sampling_params.h"

namespace vivace::server {

enum class ApiKind { kCompletion, kChat };

inline constexpr int kMaxChoices = 128;       // n
inline constexpr int kMaxSequences = 1024;    // prompts times n
inline constexpr int kMaxStopStrings = 16;    // as SamplingParams
inline constexpr int kMaxStopTokenIds = 256;  // far above what any client sends
inline constexpr int kMaxLogprobs = 20;       // per token
inline constexpr int kDefaultCompletionTokens = 16;
inline constexpr std::size_t kJsonDepth = 64;
inline constexpr std::size_t kMaxMessages = 4096;

using PromptInput = std::variant<std::string, std::vector<std::int32_t>>;

struct ApiRequest {
  ApiKind kind = ApiKind::kCompletion;
  std::string model;                  // empty: the one that is served
  std::vector<PromptInput> prompts;   // completions
  std::vector<ChatMessage> messages;  // chat
  bool add_generation_prompt = true;  // chat
  bool add_special_tokens = true;     // completions: the model's start token, where it has one
  int n = 1;
  /// max_tokens is set from it once the prompt's length is known; completions have a default.
  std::optional<int> max_tokens;
  SamplingParams sampling;
  bool echo = false;
  bool stream = false;
  bool include_usage = false;
  bool return_token_ids = false;
  std::string cache_salt;
};

/// Fills `request` from the body; the error names the field, its value and what is allowed. Fields that are
/// not known are ignored; fields that are known and would change the answer in a way that this build cannot
/// are errors.
std::optional<ApiError> ParseApiRequest(ApiKind kind, std::string_view body, ApiRequest& request);

}  // namespace vivace::server
