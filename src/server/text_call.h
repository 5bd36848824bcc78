// One request to /tokenize or /detokenize: worked on by the background thread, answered on the event loop.
// Threads: every public member on the event loop. Ownership: shared by the connection and the job under way.
#pragma once

#include <atomic>
#include <memory>

#include "server/backend.h"
#include "server/call.h"

namespace vivace::server {

class TextCall : public Call, public std::enable_shared_from_this<TextCall> {
 public:
  TextCall(ApiRequest request, Backend& backend, Executor& executor, CallObserver& observer, ReplySink& sink)
      : request_(std::move(request)),
        backend_(backend),
        executor_(executor),
        observer_(observer),
        sink_(&sink) {}

  void Start() override;
  void Abandon() override;
  void Fail(const ApiError& error) override;
  int sequences() const override { return 1; }

 private:
  HttpReply Work() const;  // background thread
  HttpReply Tokenize() const;
  HttpReply Detokenize() const;
  void OnWorked(HttpReply reply, bool exhausted);

  const ApiRequest request_;
  Backend& backend_;
  Executor& executor_;
  CallObserver& observer_;
  ReplySink* sink_;                  // null once the answer is given or abandoned
  std::atomic<bool> ended_ = false;  // also read by the background thread
};

}  // namespace vivace::server
