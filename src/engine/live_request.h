// A request that the loop has taken: what was asked, the answer so far, and when things happened. Owned by
// the loop, used on its thread only; it does not move, for the answer keeps references into it.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "engine/answer.h"
#include "engine/stopwatch.h"
#include "sampling/logit_edits.h"
#include "scheduler/sequence.h"
#include "vivace/engine.h"

namespace vivace::engine {

struct Tier;

struct LiveRequest {
  LiveRequest(Request asked, OutputCallback callback, const tokenizer::Tokenizer& tokenizer,
              std::span<const std::int32_t> end_tokens)
      : request(std::move(asked)),
        on_output(std::move(callback)),
        answer(tokenizer, request.sampling, end_tokens),
        edits(request.sampling, request.prompt, end_tokens) {}
  LiveRequest(const LiveRequest&) = delete;
  LiveRequest& operator=(const LiveRequest&) = delete;

  RequestId id = 0;
  const Request request;
  const OutputCallback on_output;
  const Stopwatch since_submit;
  Tier* tier = nullptr;            // where it runs, from beginning to end
  scheduler::SequenceId sequence;  // there
  Answer answer;
  sampling::LogitEdits edits;
  Status prompt_status;    // not ok: a log-probability of the prompt could not be computed
  std::uint64_t seed = 0;  // of its draws
  bool started = false;    // has been in a step
  int cached_prompt_tokens = 0;
  RequestTiming timing;
};

}  // namespace vivace::engine
