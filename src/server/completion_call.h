// One request to /v1/completions or /v1/chat/completions, from its parsed body to its last byte: tokenise and
// submit on the background thread, collect or stream on the event loop.
//
// Threads: every public member runs on the event loop. Prepare and the engine's callbacks run elsewhere and
// only post to the loop. Ownership: shared by the connection that waits for the answer and by jobs under way
// (posted jobs and engine callbacks hold it weakly once it is submitted).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/backend.h"
#include "server/openai_request.h"
#include "server/openai_response.h"

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

/// What a call tells the service it belongs to, on the event loop.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void OnSubmitted(const ApiRequest& request, int max_tokens) = 0;
  virtual void OnSequenceFinished(const RequestOutput& last, std::int64_t prompt_tokens,
                                  std::int64_t generated_tokens) = 0;
  /// Exactly once, after the answer is given or abandoned.
  virtual void OnEnded(class CompletionCall& call) = 0;
};

class CompletionCall : public std::enable_shared_from_this<CompletionCall> {
 public:
  CompletionCall(ApiRequest request, ReplyFrame frame, Backend& backend, Executor& executor,
                 CallObserver& observer, ReplySink& sink);

  void Start();
  /// The client left, or nobody wants the answer any more: cancels what runs, says nothing.
  void Abandon();
  /// Ends the answer with an error: a reply, or an error event where the stream has begun.
  void Fail(const ApiError& error);

  int sequences() const { return static_cast<int>(prompt_count() * static_cast<std::size_t>(request_.n)); }

 private:
  /// What the background thread hands to the event loop.
  struct Prepared {
    std::vector<std::vector<std::int32_t>> prompts;
    std::vector<RequestId> ids;  // what was submitted
    int max_tokens = 0;
    std::optional<ApiError> error;
  };
  /// One choice under way.
  struct Choice {
    ChoicePart part;  // not streaming: the whole of it so far
    std::int64_t generated_tokens = 0;
    std::int64_t text_characters = 0;  // streamed before
    bool first = true;                 // nothing of it is streamed yet
    bool finished = false;
  };

  std::size_t prompt_count() const { return request_.kind == ApiKind::kChat ? 1 : request_.prompts.size(); }
  void Prepare(Prepared& prepared);  // background thread
  std::optional<ApiError> TokenizeAll(Prepared& prepared) const;
  std::optional<ApiError> FitLength(Prepared& prepared) const;
  std::optional<ApiError> SubmitAll(Prepared& prepared);
  OutputCallback MakeCallback(std::size_t index);

  void OnPrepared(Prepared prepared);
  void OnOutput(std::size_t index, RequestOutput output);
  void AddEcho(std::size_t index, const RequestOutput& output, ChoicePart& part) const;
  ChoicePart MakePart(std::size_t index, RequestOutput& output);
  void StreamPart(std::size_t index, ChoicePart part);
  static void Merge(ChoicePart part, ChoicePart& whole);
  void Finish();
  void CancelAll();
  void End();

  ApiRequest request_;
  ReplyFrame frame_;
  Backend& backend_;
  Executor& executor_;
  CallObserver& observer_;
  ReplySink* sink_;                  // null once the answer is given or abandoned
  std::atomic<bool> ended_ = false;  // also read by the background thread, to skip work nobody waits for
  bool submitted_ = false;
  bool streaming_ = false;
  bool nothing_wanted_ = false;  // max_tokens 0: the one token that runs is left out
  std::vector<std::pair<std::size_t, RequestOutput>> early_;  // outputs that came before OnPrepared
  std::vector<std::vector<std::int32_t>> prompts_;
  std::vector<RequestId> ids_;
  std::vector<Choice> choices_;
  std::size_t unfinished_ = 0;
  Usage usage_;
};

}  // namespace vivace::server
