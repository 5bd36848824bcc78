// The JSON of answers: whole replies, stream chunks, the model list. Free functions that write text; the
// token texts come from a callback so that nothing here knows an engine.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/openai_request.h"
#include "vivace/engine.h"
#include "vivace/request.h"

namespace vivace::server {

using TokenTextFunction = std::function<std::string(std::int32_t)>;

/// What every reply and every chunk of one request repeats.
struct ReplyFrame {
  ApiKind kind = ApiKind::kCompletion;
  std::string id;
  std::int64_t created = 0;  // seconds since 1970
  std::string model;
  std::string fingerprint = {};      // system_fingerprint; empty: none
  std::string role = "assistant";    // of a chat answer
  bool with_prompt_details = false;  // usage says how many prompt tokens were cached
  bool keeps_text = false;           // the observer is told what is generated
};

/// A choice, or what is new of it in one chunk.
struct ChoicePart {
  int index = 0;
  std::string text;
  bool with_logprobs = false;
  std::vector<std::int32_t> echo_ids;       // prompt tokens whose log-probabilities come first
  std::vector<TokenLogprob> echo_logprobs;  // entry i is of echo_ids[i + 1]
  std::vector<TokenLogprob> logprobs;       // of the generated tokens
  bool with_prompt_logprobs = false;
  std::vector<TokenLogprob> prompt_logprobs;  // entry i is of prompt token i + 1
  bool tokens_as_ids = false;                 // tokens in log-probabilities are written token_id:ID
  std::int64_t text_offset = 0;               // characters of this choice before this part
  bool with_token_ids = false;
  std::vector<std::int32_t> prompt_token_ids;  // written when not empty
  std::vector<std::int32_t> token_ids;
  FinishReason finish_reason = FinishReason::kNone;
  std::string stop_reason;
  std::optional<std::int32_t> stop_token;  // written as the stop reason
  bool with_role = false;                  // the first delta of a chat choice
};

struct Usage {
  std::int64_t prompt_tokens = 0, completion_tokens = 0, cached_tokens = 0;
};

/// The usage of a chunk: none; null, because a last chunk will have it; or as of now.
struct ChunkUsage {
  bool follows = false;
  std::optional<Usage> so_far = {};
};

std::string WholeReply(const ReplyFrame& frame, std::span<const ChoicePart> choices, const Usage& usage,
                       const TokenTextFunction& token_text);
/// One chunk with one choice.
std::string ChunkReply(const ReplyFrame& frame, const ChoicePart& part, const ChunkUsage& usage,
                       const TokenTextFunction& token_text);
/// The last chunk: no choices, the usage.
std::string UsageChunk(const ReplyFrame& frame, const Usage& usage);

/// One model under one of its names; `root` is its path.
std::string ModelCard(std::string_view name, const ModelInfo& model, std::int64_t created);
std::string ModelList(std::span<const std::string> names, const ModelInfo& model, std::int64_t created);

/// [1,2,3]
void AppendTokenIds(std::span<const std::int32_t> ids, std::string& out);
/// Characters that begin in `bytes`: what a token adds to a text's length.
std::int64_t CountCharacters(std::string_view bytes);

}  // namespace vivace::server
