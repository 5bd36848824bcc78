// What the server answers, apart from sockets: takes an HttpRequest, answers it at once or starts a call.
// Threads: the event loop only. Ownership: owns the metrics; the backend and the executor outlive it, as do
// the sinks it is given until their call has ended.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "server/completion_call.h"
#include "server/metrics.h"
#include "server/router.h"

namespace vivace::server {

struct ServiceLimits {
  int max_sequences_in_flight = 2048;  // choices under way or waiting, over all requests
};

class Service : private CallObserver {
 public:
  Service(Executor& executor, const ServiceLimits& limits);
  ~Service() override;

  /// Until then everything but /version and /metrics is 503.
  void SetBackend(Backend& backend);
  /// From now on new requests and /health are 503.
  void BeginDrain() { draining_ = true; }
  bool draining() const { return draining_; }
  bool idle() const { return calls_.empty(); }
  /// Ends every call with the error.
  void FailAll(const ApiError& error);

  /// Answers through the sink, now or later. The call, where one was started: the sink's owner abandons it
  /// when the client leaves and holds it until its answer is given.
  std::shared_ptr<CompletionCall> Handle(const HttpRequest& request, ReplySink& sink);

  /// An answer with this status has begun; for /metrics.
  void CountAnswer(std::string_view method, std::string_view target, int status);

 private:
  std::shared_ptr<CompletionCall> StartCall(ApiKind kind, const HttpRequest& request, ReplySink& sink);
  HttpReply Answer(const Route& route);
  std::optional<ApiError> CheckReady() const;
  std::optional<ApiError> CheckModel(const std::string& name) const;
  ReplyFrame NextFrame(ApiKind kind);

  void OnSubmitted(const ApiRequest& request, int max_tokens) override;
  void OnSequenceFinished(const RequestOutput& last, std::int64_t prompt_tokens,
                          std::int64_t generated_tokens) override;
  void OnEnded(CompletionCall& call) override;

  Executor& executor_;
  ServiceLimits limits_;
  Backend* backend_ = nullptr;
  std::unique_ptr<Metrics> metrics_;  // with the backend
  bool draining_ = false;
  std::int64_t created_ = 0;
  std::uint64_t id_prefix_ = 0;  // differs from process to process
  std::uint64_t next_id_ = 0;
  int sequences_in_flight_ = 0;
  std::unordered_set<CompletionCall*> calls_;
};

}  // namespace vivace::server
