// One request to /v1/completions or /v1/chat/completions, from its parsed body to its last byte: tokenise and
// submit on the background thread, collect or stream on the event loop.
//
// Threads: every public member runs on the event loop. Prepare and the engine's callbacks run elsewhere and
// only post to the loop. Ownership: shared by the connection that waits for the answer and by jobs under way
// (posted jobs and engine callbacks hold it weakly once it is submitted).
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/backend.h"
#include "server/call.h"
#include "server/openai_response.h"
#include "server/prompt_tokens.h"

namespace vivace::server {

class CompletionCall : public Call, public std::enable_shared_from_this<CompletionCall> {
 public:
  CompletionCall(ApiRequest request, ReplyFrame frame, Backend& backend, Executor& executor,
                 CallObserver& observer, ReplySink& sink);

  void Start() override;
  void Abandon() override;
  void Fail(const ApiError& error) override;
  int sequences() const override {
    return static_cast<int>(prompt_count() * static_cast<std::size_t>(request_.n));
  }

 private:
  /// What the background thread hands to the event loop.
  struct Prepared {
    TokenizedRequest tokenized;
    std::vector<RequestId> ids;  // what was submitted
    std::optional<ApiError> error;
  };
  /// One choice under way.
  struct Choice {
    ChoicePart part;                   // not streaming: the whole of it so far
    std::optional<ChoicePart> unsent;  // streaming: less than stream_interval tokens
    std::int64_t unsent_tokens = 0;
    std::int64_t generated_tokens = 0;
    std::int64_t text_characters = 0;                   // of the pieces before
    std::string whole_text;                             // where the frame keeps_text
    std::chrono::steady_clock::time_point last_output;  // once there is one
    bool first = true;                                  // no piece has come yet
    bool sent = false;                                  // a chunk of it is streamed
    bool finished = false;
  };

  std::size_t prompt_count() const { return request_.kind == ApiKind::kChat ? 1 : request_.prompts.size(); }
  const std::vector<std::int32_t>& PromptOf(std::size_t index) const;
  void Prepare(Prepared& prepared);  // background thread
  std::optional<ApiError> SubmitAll(Prepared& prepared);
  OutputCallback MakeCallback(std::size_t index);

  void OnPrepared(Prepared prepared, bool exhausted);
  void OnOutput(std::size_t index, RequestOutput output);
  bool EndsInError(std::size_t index, const RequestOutput& output);
  void AddPrompt(std::size_t index, RequestOutput& output, ChoicePart& part) const;
  std::string EchoText(std::size_t index) const;
  ChoicePart MakePart(std::size_t index, RequestOutput& output);
  void Count(Choice& choice, const RequestOutput& output);
  void StreamPart(std::size_t index, ChoicePart part, std::size_t tokens);
  void StreamChunk(std::size_t index, const ChoicePart& part);
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
  bool prepared_ = false;            // the background thread's work has come back
  bool submitted_ = false;
  bool streaming_ = false;
  bool nothing_wanted_ = false;  // max_tokens 0: the one token that runs is left out
  std::vector<std::pair<std::size_t, RequestOutput>> early_;  // outputs that came before OnPrepared
  TokenizedRequest tokenized_;
  std::vector<RequestId> ids_;
  std::vector<Choice> choices_;
  std::size_t unfinished_ = 0;
  Usage usage_;
};

}  // namespace vivace::server
