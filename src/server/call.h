// One request that is answered later, and what it needs of its surroundings: where the answer goes, where
// work runs, who is told. Threads: every member of Call, and every observer, on the event loop.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "server/api_error.h"
#include "server/openai_request.h"
#include "server/openai_response.h"
#include "vivace/request.h"

namespace vivace::server {

/// Where a call's answer goes: the connection, or a test.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual void Reply(HttpReply reply) = 0;  // the whole answer
  virtual void BeginStream() = 0;
  virtual void StreamWrite(std::string_view data) = 0;
  virtual void EndStream() = 0;
};

/// Runs jobs on the event loop's thread and on the background thread, in order.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void PostToLoop(std::function<void()> job) = 0;
  virtual void PostToBackground(std::function<void()> job) = 0;
};

class Call {
 public:
  virtual ~Call() = default;
  virtual void Start() = 0;
  /// The client left, or nobody wants the answer any more: cancels what runs, says nothing.
  virtual void Abandon() = 0;
  /// Ends the answer with an error: a reply, or an error event where the stream has begun.
  virtual void Fail(const ApiError& error) = 0;
  /// Answers of the engine that it stands for, or one for the work on its text.
  virtual int sequences() const = 0;
};

/// What a call tells the service it belongs to, on the event loop.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void OnSubmitted(const ApiRequest& request, int max_tokens) = 0;
  /// Tokens after the first of an answer: seconds since the ones before.
  virtual void OnTokenGap(double seconds) = 0;
  virtual void OnSequenceFinished(const RequestOutput& last, std::int64_t prompt_tokens,
                                  std::int64_t generated_tokens) = 0;
  /// The last piece of an answer whose frame keeps_text, with the `whole` text; of a stream each piece.
  virtual void OnText(const ReplyFrame& frame, const ChoicePart& part, std::string_view whole) = 0;
  /// The whole answer is given; the longest of its choices.
  virtual void OnAnswered(std::int64_t most_generated_tokens) = 0;
  /// Exactly once, after the answer is given or abandoned and no work goes on for it.
  virtual void OnEnded(Call& call) = 0;
};

}  // namespace vivace::server
