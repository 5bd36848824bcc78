// A request whose body is long: parsed by the background thread, so that the event loop goes on, and then the
// call that it asks for.
//
// Threads: every public member on the event loop. Ownership: shared by the connection and the job under way;
// it holds the call that follows.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "server/call.h"

namespace vivace::server {

class ParsingCall : public Call, public std::enable_shared_from_this<ParsingCall> {
 public:
  struct Parsed {
    ApiRequest request;
    std::optional<ApiError> error;
  };
  using Parse = std::function<Parsed()>;                                                // background thread
  using Follow = std::function<std::shared_ptr<Call>(ApiRequest request, ReplySink&)>;  // event loop

  ParsingCall(Parse parse, Follow follow, Executor& executor, CallObserver& observer, ReplySink& sink)
      : parse_(std::move(parse)),
        follow_(std::move(follow)),
        executor_(executor),
        observer_(observer),
        sink_(&sink) {}

  void Start() override;
  void Abandon() override;
  void Fail(const ApiError& error) override;
  int sequences() const override { return 1; }

 private:
  void OnParsed(Parsed parsed, bool exhausted);

  Parse parse_;
  Follow follow_;
  Executor& executor_;
  CallObserver& observer_;
  ReplySink* sink_;                  // null once another call, or nobody, answers
  std::atomic<bool> ended_ = false;  // also read by the background thread, to skip work nobody waits for
  std::shared_ptr<Call> next_;
};

}  // namespace vivace::server
