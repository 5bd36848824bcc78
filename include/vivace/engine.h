// The engine: a loaded, compiled model and the loop that serves requests on it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/options.h"
#include "vivace/request.h"
#include "vivace/status.h"

namespace vivace {

/// Called on the engine's thread; must not block and must not call the engine's Submit. May throw
/// std::bad_alloc, and nothing else: the request then ends with kResourceExhausted, which a few more calls
/// try to tell.
using OutputCallback = std::function<void(RequestOutput)>;
using RequestId = std::uint64_t;

struct ModelInfo {
  std::string name;  // as served
  std::string path;
  std::string architecture;
  int max_model_len = 0;  // tokens, prompt and answer together
  int vocabulary = 0;
  int level = 0;  // the optimization level that runs, which may be lower than asked; with tier-up: in the end
};

/// A snapshot for /metrics and for `run`; counters since start.
struct EngineStats {
  int running = 0, waiting = 0;
  std::int64_t waiting_tokens = 0;                 // prompts of requests that have not begun
  int level = 0;                                   // on which requests begin now; with tier-up it rises once
  std::int64_t blocks_total = 0, blocks_used = 0;  // KV cache blocks held by live requests
  std::int64_t prompt_tokens = 0, generation_tokens = 0;
  std::int64_t prefix_queries = 0, prefix_hits = 0;  // tokens
  std::int64_t preemptions = 0, finished = 0, cancelled = 0;
  std::int64_t numerical_errors = 0;  // requests that ended because a logit was not finite
  std::int64_t steps = 0,
               scheduled_rows = 0;  // rows: prompt and generated tokens that went through the model
  int block_tokens = 0;             // tokens of one KV cache block
  std::int64_t kv_cache_bytes = 0;
  double load_s = 0;  // the start in all, and its phases, in seconds:
  double open_s = 0, compile_s = 0, artifact_s = 0, pack_s = 0, tune_s = 0, cache_s = 0, tokenizer_s = 0;
  int artifact_hits = 0, artifact_misses = 0;  // of this start: 0 or 1 each
  std::int64_t compilations = 0;               // programs and kernels that were compiled,
  std::int64_t compilations_after_ready =
      0;                          // and those of them while requests could run: 0, that is promised
  std::int64_t packed_bytes = 0;  // of weights
  int captured_plans = 0;
  std::string capture_sizes;  // of steps, in tokens: "1,2,4"
};

/// Where memory runs out, what returns a Status or Result says kResourceExhausted, as does the last piece of
/// a request that it ran out for; what returns plain text throws std::bad_alloc. The engine goes on.
class Engine {
 public:
  /// Loads, compiles, packs and starts the loop. Errors name the file, flag or tensor.
  static Result<std::unique_ptr<Engine>> Create(const Options& options);
  ~Engine();  // cancels what is left

  const ModelInfo& model() const;
  EngineStats stats() const;
  /// Waits until what this start keeps for the next ones is on the disk; it is written after Create has
  /// returned. The artifact's folder, or nothing when there is none; an error says why it was not written.
  Result<std::string> WaitForArtifact();
  /// What a request has that sets nothing: SamplingParams(), and over it the values of the model's
  /// generation_config.json unless --generation-config says otherwise.
  const SamplingParams& default_sampling() const;
  /// The length limit that generation_config.json names, if any: where a request sets none, at most so many.
  std::optional<int> default_max_tokens() const;

  /// Text to token ids; special tokens in the text count only with parse_special. Thread-safe, as all below.
  Result<std::vector<std::int32_t>> Tokenize(std::string_view text, bool add_bos, bool parse_special) const;
  /// One token's text; may be part of a UTF-8 character.
  std::string TokenText(std::int32_t token) const;
  std::string Detokenize(const std::vector<std::int32_t>& tokens, bool skip_special = true) const;
  /// Words as SamplingParams::bad_words wants them: each word as tokens at the start of a text and, where
  /// that is another first token, after a space. kInvalidArgument names the word that is empty or no token.
  Result<std::vector<std::vector<std::int32_t>>> EncodeBadWords(const std::vector<std::string>& words) const;
  /// The chat template rendered and tokenized; text of the messages never becomes a control token.
  Result<std::vector<std::int32_t>> RenderChat(const ChatPrompt& prompt) const;

  /// Queues a request. Refused at once: an empty prompt, ids outside the vocabulary, a prompt that cannot
  /// fit, bad parameters, a full queue (kResourceExhausted), draining (kUnavailable).
  Result<RequestId> Submit(Request request, OutputCallback on_output);
  /// Ends the request; its blocks are free before the next step. Unknown ids are ignored.
  void Cancel(RequestId id);
  /// No new requests from now on; returns when all are finished or after timeout_s, whichever is first; true
  /// when all finished.
  bool Drain(double timeout_s);

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The sampling options of a program (--temperature, --stop, ...) over the engine's defaults: an option that
/// nobody set leaves the default.
Result<SamplingParams> SamplingFromOptions(const Options& options, const Engine& engine);

}  // namespace vivace
