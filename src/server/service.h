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
#include <vector>

#include "base/log.h"
#include "server/api_key.h"
#include "server/completion_call.h"
#include "server/cors.h"
#include "server/metrics.h"
#include "server/router.h"

namespace vivace::server {

/// What system_fingerprint says: nothing, version and hash of the model and its options, the hash, or a given
/// text.
enum class FingerprintMode { kNone, kFull, kHash, kCustom };

struct ServiceConfig {
  int max_sequences_in_flight = 2048;   // choices and texts under way or waiting, over all requests
  RequestRules rules = {};              // vocabulary and defaults come from the backend
  std::vector<std::string> names = {};  // of the model; empty: the one that the engine gives it
  std::vector<std::string> keys = {};   // for /v1/; empty: everybody may come in
  std::string root_path = {};           // a prefix that a proxy may leave in targets
  std::string response_role = "assistant";
  bool prompt_tokens_details = false;  // in the usage
  bool log_requests = false;
  bool log_outputs = false;              // each whole answer
  bool log_deltas = true;                // of streams as well each piece, with log_outputs
  int max_log_len = -1;                  // characters of a prompt or an answer in the log; -1: all
  bool log_access = false;               // one line each answer
  std::vector<std::string> quiet_paths;  // whose answers have no such line
  bool request_id_headers = false;       // answers carry X-Request-Id
  CorsRules cors = {};
  FingerprintMode fingerprint_mode = FingerprintMode::kNone;
  std::string fingerprint_value = {};  // of kCustom
  base::Log log = base::Log();
};

class Service : private CallObserver {
 public:
  Service(Executor& executor, const ServiceConfig& config);
  ~Service() override;

  /// Until then every endpoint is 503.
  void SetBackend(Backend& backend);
  bool ready() const { return backend_ != nullptr; }
  /// From now on new requests and /health are 503.
  void BeginDrain() { draining_ = true; }
  bool draining() const { return draining_; }
  bool idle() const { return calls_.empty(); }
  /// Ends every call with the error.
  void FailAll(const ApiError& error);

  Route FindRoute(const HttpRequest& request) const {
    return server::FindRoute(request.method, request.target, config_.root_path);
  }
  /// Answers through the sink, now or later. The call, where one was started: the sink's owner abandons it
  /// when the client leaves and holds it until its answer is given.
  std::shared_ptr<Call> Handle(const Route& route, HttpRequest request, ReplySink& sink);

  /// Headers that any answer to this request has: its id, what CORS wants.
  HeaderList ExtraHeaders(const HttpRequest& request) const;
  /// An answer with this status has begun; for /metrics, and for the log, which names the client and the
  /// request.
  void CountAnswer(const Route& route, int status, std::string_view client, std::string_view request_line);

 private:
  std::shared_ptr<Call> StartCall(ApiKind kind, HttpRequest request, ReplySink& sink);
  std::shared_ptr<Call> StartParsed(ApiRequest request, ReplySink& sink);
  std::shared_ptr<Call> Admit(std::shared_ptr<Call> call);
  std::optional<ApiError> CheckRoom(int sequences) const;
  std::optional<ApiError> ReadRequest(ApiKind kind, const HttpRequest& request, ApiRequest& parsed) const;
  HttpReply Answer(const Route& route);
  std::optional<ApiError> CheckKey(const Route& route, const HttpRequest& request) const;
  std::optional<ApiError> CheckReady(Endpoint endpoint) const;
  std::optional<ApiError> CheckModel(const std::string& name) const;
  ReplyFrame NextFrame(const ApiRequest& request);

  void OnSubmitted(const ApiRequest& request, int max_tokens) override;
  void OnTokenGap(double seconds) override;
  void OnSequenceFinished(const RequestOutput& last, std::int64_t prompt_tokens,
                          std::int64_t generated_tokens) override;
  void OnText(const ReplyFrame& frame, const ChoicePart& part, std::string_view whole) override;
  void OnAnswered(std::int64_t most_generated_tokens) override;
  void OnEnded(Call& call) override;

  Executor& executor_;
  ServiceConfig config_;
  const ApiKeys keys_;
  Backend* backend_ = nullptr;
  std::unique_ptr<Metrics> metrics_;  // with the backend
  bool draining_ = false;
  std::int64_t created_ = 0;
  std::string fingerprint_;      // of every answer
  std::string openapi_;          // /openapi.json
  std::uint64_t id_prefix_ = 0;  // differs from process to process
  std::uint64_t next_id_ = 0;
  mutable std::uint64_t next_header_id_ = 0;
  int sequences_in_flight_ = 0;
  std::unordered_set<Call*> calls_;
};

}  // namespace vivace::server
