// The bodies of the POST endpoints, read and checked field by field. Plain data and free functions;
// thread-safe. The fields themselves are the table of request_fields.h.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/api_error.h"
#include "vivace/request.h"
#include "vivace/sampling_params.h"

namespace vivace::server {

enum class ApiKind { kCompletion, kChat, kTokenize, kDetokenize };

inline constexpr int kMaxChoices = 128;             // n, unless the rules say another
inline constexpr int kMaxSequences = 1024;          // prompts times n
inline constexpr int kMaxStopStrings = 16;          // unless the rules say another
inline constexpr std::size_t kMaxStopBytes = 4096;  // of one stop string
inline constexpr int kMaxStopTokenIds = 256;        // far above what any client sends
inline constexpr int kMaxBadWords = 128;            // strings
inline constexpr int kMaxBadWordTokens = 1024;      // of all bad words
inline constexpr int kMaxLogprobs = 20;             // per token; --max-logprobs may allow fewer
inline constexpr int kDefaultCompletionTokens = 16;
inline constexpr double kMaxLogitBias = 100;   // either way
inline constexpr std::size_t kJsonDepth = 64;  // unless the rules say another
inline constexpr std::size_t kMaxMessages = 4096;
inline constexpr std::size_t kMaxTemplateBytes = 1 << 20;

using PromptInput = std::variant<std::string, std::vector<std::int32_t>>;

/// What this server allows and assumes, beside the table of fields.
struct RequestRules {
  RequestRules() { defaults.max_tokens = 0; }

  int vocabulary = std::numeric_limits<std::int32_t>::max();  // token ids are below it
  int max_logprobs = kMaxLogprobs;
  int max_choices = kMaxChoices;
  int max_stop_strings = kMaxStopStrings;
  std::size_t json_depth = kJsonDepth;
  std::size_t text_bytes = 8 << 20;  // of any one text of a request
  SamplingParams defaults;           // of a request that says nothing; max_tokens 0: the model has no default
  int stream_interval = 1;
  bool include_usage = false;                // in every stream
  bool tokens_as_ids = false;                // in log-probabilities
  bool templates_from_requests = true;       // chat_template and chat_template_kwargs may be given
  std::string chat_template = {};            // instead of the model's; empty: the model's
  std::string template_variables_json = {};  // under those of the request; empty: none
};

struct ApiRequest {
  ApiKind kind = ApiKind::kCompletion;
  std::string model;                          // empty: the one that is served
  std::vector<PromptInput> prompts;           // completions; tokenize: one text; detokenize: one list of ids
  ChatPrompt chat;                            // where there are messages
  bool add_special_tokens = true;             // the model's start token, where it has one
  std::optional<int> truncate_prompt_tokens;  // keep so many; -1: as many as fit
  bool keep_start = false;                    // of a prompt that is cut: its start instead of its end
  int n = 1;
  std::optional<int> max_tokens;  // unset: what is left of the context, or less by rules.defaults
  SamplingParams sampling;  // max_tokens: the model's own default, or 0, until the prompt's length is known
  std::vector<std::string> bad_words;
  int prompt_logprobs = -1;  // as asked for; sampling.prompt_logprobs also serves echo
  bool echo = false;
  bool stream = false;
  bool include_usage = false;
  bool continuous_usage = false;
  int stream_interval = 1;  // tokens of one chunk
  bool return_token_ids = false;
  bool return_token_texts = false;  // tokenize
  bool tokens_as_ids = false;
  std::string cache_salt;
  std::string request_id;  // part of the answer's id; empty: the server makes one
};

/// Whether a text may be the id of a request: visible ASCII characters, so that it cannot forge a log line.
bool IsRequestId(std::string_view text);

/// Fills `request` from the body; the error names the field, its value and what is allowed. Fields that are
/// not known are ignored; fields that are known and would change the answer in a way that this build cannot
/// are errors.
std::optional<ApiError> ParseApiRequest(ApiKind kind, std::string_view body, const RequestRules& rules,
                                        ApiRequest& request);

}  // namespace vivace::server
