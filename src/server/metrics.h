// The numbers behind /metrics, under the names that vLLM users know. Owned by the service and used on the
// event loop's thread only.
#pragma once

#include <memory>
#include <string>

#include "vivace/engine.h"
#include "vivace/request.h"

namespace vivace::server {

class Metrics {
 public:
  explicit Metrics(const std::string& model_name);
  ~Metrics();

  /// A finished sequence of a request, by its last piece.
  void SequenceFinished(const RequestOutput& last, std::int64_t prompt_tokens, std::int64_t generated_tokens);
  void TokenGap(double seconds);
  void RequestAnswered(std::int64_t most_generated_tokens);
  void RequestAccepted(int n, int max_tokens);
  void RequestRejected();
  void HttpRequestDone(const std::string& handler, const std::string& method, int status);

  /// The text of /metrics, with the engine's counters as of now.
  std::string Serialize(const EngineStats& stats);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vivace::server
