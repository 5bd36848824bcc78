// What goes into the engine and what comes out, for embedders and for the programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vivace/sampling_params.h"
#include "vivace/status.h"

namespace vivace {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
  std::string fields_json =
      {};  // a JSON object: further keys for the template (name, tool_calls); empty: none
};

/// A conversation to be turned into a prompt by the model's chat template.
struct ChatPrompt {
  std::vector<ChatMessage> messages;
  bool add_generation_prompt = true;
  bool continue_final_message = false;       // the prompt ends inside the last message, without its end token
  std::string chat_template = {};            // instead of the model's; empty: the model's
  std::string template_variables_json = {};  // a JSON object: chat_template_kwargs
  std::string tools_json = {};               // a JSON array for the template's `tools`; empty: none
  std::string documents_json = {};           // the same for its `documents`
};

struct Request {
  std::vector<std::int32_t> prompt;  // token ids, at least one; see Engine::Tokenize
  SamplingParams sampling;
  int choice_index = 0;    // part of the random key, so n > 1 gives n streams
  std::string cache_salt;  // prefix-cache hits only among equal salts
};

enum class FinishReason { kNone, kStop, kLength, kCancelled, kError };

/// The API's word: "stop", "length", "abort" (cancelled), "error"; empty for kNone.
std::string_view FinishReasonText(FinishReason reason);

struct TokenLogprob {
  std::int32_t token = 0;
  float logprob = 0;                                // natural logarithm
  std::vector<std::pair<std::int32_t, float>> top;  // the likeliest, best first
};

struct RequestTiming {  // seconds since Submit
  double queued = 0;    // until its first step
  double first_token = 0;
  double last_token = 0;
};

/// One piece of a request's answer. Delivered in order; the last has a finish_reason other than kNone.
struct RequestOutput {
  std::vector<std::int32_t> token_ids;  // new since the piece before
  std::string text;  // new text: whole UTF-8 characters, held back while a stop string may begin
  std::vector<TokenLogprob> logprobs;  // one per token when asked for
  std::vector<TokenLogprob>
      prompt_logprobs;  // with the first piece, when asked for; entry i is of prompt token i + 1
  FinishReason finish_reason = FinishReason::kNone;
  std::string stop_reason;                 // the stop string that ended it, when one did
  std::optional<std::int32_t> stop_token;  // the one of stop_token_ids that ended it, when one did
  int cached_prompt_tokens = 0;            // prefix-cache hits
  RequestTiming timing;
  Status status;           // why, when finish_reason is kError
  std::string error_code;  // the API's name of that error ("numerical_error"); empty: it has none of its own
};

}  // namespace vivace
