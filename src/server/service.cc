#include "server/service.h"

#include <array>
#include <charconv>
#include <chrono>
#include <random>
#include <utility>

#include "base/version.h"

namespace vivace::server {
namespace {

std::int64_t UnixSeconds() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::seconds>(system_clock::now().time_since_epoch()).count();
}

std::string Hex(std::uint64_t value) {
  std::array<char, 17> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr};
}

/// Only JSON bodies; a missing type is taken as JSON.
std::optional<ApiError> CheckContent(const HttpRequest& request) {
  if (!request.content_encoding.empty() && request.content_encoding != "identity") {
    return ApiError{.status = 415,
                    .message = "Content-Encoding is not supported; send the body as it is",
                    .code = "unsupported_media_type"};
  }
  const std::string_view type =
      std::string_view(request.content_type).substr(0, request.content_type.find(';'));
  constexpr std::string_view kJson = "application/json";
  const bool is_json =
      type.size() >= kJson.size() && std::equal(kJson.begin(), kJson.end(), type.begin(),
                                                [](char a, char b) { return a == (b | 0x20) || a == b; });
  if (type.empty() || is_json) return std::nullopt;
  return ApiError{.status = 415,
                  .message = "the Content-Type must be application/json",
                  .code = "unsupported_media_type"};
}

}  // namespace

Service::Service(Executor& executor, const ServiceLimits& limits)
    : executor_(executor), limits_(limits), created_(UnixSeconds()) {
  std::random_device device;
  id_prefix_ = device();
}

Service::~Service() = default;

void Service::SetBackend(Backend& backend) {
  backend_ = &backend;
  metrics_ = std::make_unique<Metrics>(backend.model().name);
}

std::optional<ApiError> Service::CheckReady() const {
  if (draining_) return FromStatus(Unavailable("the server is shutting down"));
  if (backend_ == nullptr) return FromStatus(Unavailable("the model is still loading"));
  return std::nullopt;
}

std::optional<ApiError> Service::CheckModel(const std::string& name) const {
  const std::string& served = backend_->model().name;
  if (name.empty() || name == served) return std::nullopt;
  constexpr std::size_t kShownBytes = 100;
  return ApiError{.status = 404,
                  .message = "The model `" + name.substr(0, kShownBytes) +
                             "` does not exist; this server has `" + served + "`.",
                  .param = "model",
                  .code = "model_not_found"};
}

HttpReply Service::Answer(const Route& route) {
  if (*route.endpoint == Endpoint::kVersion) {
    return {.body = R"({"version":")" + std::string(base::kVersion) + "\"}"};
  }
  if (const auto error = CheckReady(); error && *route.endpoint != Endpoint::kMetrics) {
    return ErrorReply(*error);
  }
  switch (*route.endpoint) {
    case Endpoint::kHealth:
    case Endpoint::kPing:
      return {.content_type = "text/plain", .body = ""};
    case Endpoint::kModels:
      return {.body = ModelList(backend_->model(), created_)};
    case Endpoint::kModel:
      if (const auto error = CheckModel(route.argument)) return ErrorReply(*error);
      return {.body = ModelCard(backend_->model(), created_)};
    default:
      break;
  }
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = metrics_ == nullptr ? "" : metrics_->Serialize(backend_->stats())};
}

std::shared_ptr<CompletionCall> Service::Handle(const HttpRequest& request, ReplySink& sink) {
  const Route route = FindRoute(request.method, request.target);
  if (!route.endpoint) {
    sink.Reply(route.error);
  } else if (*route.endpoint == Endpoint::kCompletions) {
    return StartCall(ApiKind::kCompletion, request, sink);
  } else if (*route.endpoint == Endpoint::kChatCompletions) {
    return StartCall(ApiKind::kChat, request, sink);
  } else {
    sink.Reply(Answer(route));
  }
  return nullptr;
}

void Service::CountAnswer(std::string_view method, std::string_view target, int status) {
  if (metrics_ == nullptr) return;
  const Route route = FindRoute(method, target);
  // A method or path that the client made up does not become a label.
  metrics_->HttpRequestDone(route.endpoint ? std::string(route.path) : "none",
                            route.endpoint ? std::string(method) : "other", status);
}

ReplyFrame Service::NextFrame(ApiKind kind) {
  const std::string number = Hex(id_prefix_) + "-" + Hex(next_id_++);
  return {.kind = kind,
          .id = (kind == ApiKind::kChat ? "chatcmpl-" : "cmpl-") + number,
          .created = UnixSeconds(),
          .model = backend_->model().name};
}

std::shared_ptr<CompletionCall> Service::StartCall(ApiKind kind, const HttpRequest& request,
                                                   ReplySink& sink) {
  ApiRequest parsed;
  auto error = CheckReady();
  if (!error) error = CheckContent(request);
  if (!error) error = ParseApiRequest(kind, request.body, parsed);
  if (!error) error = CheckModel(parsed.model);
  if (error) {
    sink.Reply(ErrorReply(*error));
    return nullptr;
  }
  CallObserver& observer = *this;
  auto call = std::make_shared<CompletionCall>(std::move(parsed), NextFrame(kind), *backend_, executor_,
                                               observer, sink);
  // The place is taken before any work is done for the request, so that a burst is refused at once.
  if (sequences_in_flight_ + call->sequences() > limits_.max_sequences_in_flight) {
    metrics_->RequestRejected();
    sink.Reply(ErrorReply(FromStatus(ResourceExhausted(
        "the server has " + std::to_string(sequences_in_flight_) + " answers under way, of at most " +
        std::to_string(limits_.max_sequences_in_flight) + "; try again"))));
    return nullptr;
  }
  sequences_in_flight_ += call->sequences();
  calls_.insert(call.get());
  call->Start();
  return call;
}

void Service::FailAll(const ApiError& error) {
  while (!calls_.empty()) (*calls_.begin())->Fail(error);  // each takes itself out
}

void Service::OnSubmitted(const ApiRequest& request, int max_tokens) {
  metrics_->RequestAccepted(request.n, max_tokens);
}

void Service::OnSequenceFinished(const RequestOutput& last, std::int64_t prompt_tokens,
                                 std::int64_t generated_tokens) {
  metrics_->SequenceFinished(last.finish_reason, last.timing, prompt_tokens, generated_tokens);
}

void Service::OnEnded(CompletionCall& call) {
  sequences_in_flight_ -= call.sequences();
  calls_.erase(&call);
}

}  // namespace vivace::server
