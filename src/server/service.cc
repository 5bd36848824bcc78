#include "server/service.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <random>
#include <utility>

#include "base/version.h"
#include "server/field_reader.h"
#include "server/openapi.h"
#include "server/parsing_call.h"
#include "server/request_log.h"
#include "server/text_call.h"

namespace vivace::server {
namespace {

constexpr std::size_t kLongBody = 64 << 10;  // parsed away from the event loop; a shorter one takes < 1 ms

std::int64_t UnixSeconds() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::seconds>(system_clock::now().time_since_epoch()).count();
}

std::string Hex(std::uint64_t value) {
  std::array<char, 17> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr};
}

/// FNV-1a over what decides about an answer apart from the request.
std::string Fingerprint(const ServiceConfig& config, const ModelInfo& model) {
  if (config.fingerprint_mode == FingerprintMode::kNone) return "";
  if (config.fingerprint_mode == FingerprintMode::kCustom) return config.fingerprint_value;
  std::uint32_t hash = 2166136261u;
  const std::string facts = std::string(base::kVersion) + "|" + model.path + "|" + model.architecture + "|" +
                            std::to_string(model.level) + "|" + std::to_string(model.max_model_len);
  for (const char c : facts) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  const std::string digits = Hex(hash);
  if (config.fingerprint_mode == FingerprintMode::kHash) return digits;
  return "vivace-" + std::string(base::kVersion) + "-O" + std::to_string(model.level) + "-" + digits;
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

Service::Service(Executor& executor, const ServiceConfig& config)
    : executor_(executor), config_(config), keys_(config.keys), created_(UnixSeconds()) {
  std::random_device device;
  id_prefix_ = device();
}

Service::~Service() = default;

void Service::SetBackend(Backend& backend) {
  backend_ = &backend;
  const ModelInfo& model = backend.model();
  config_.rules.vocabulary = model.vocabulary;
  config_.rules.defaults = backend.default_sampling();
  if (config_.names.empty()) config_.names.push_back(model.name);
  metrics_ = std::make_unique<Metrics>(config_.names.front());
  fingerprint_ = Fingerprint(config_, model);
  openapi_ = OpenApiDocument(config_.rules);
}

std::optional<ApiError> Service::CheckKey(const Route& route, const HttpRequest& request) const {
  // By the row that was found, so that no spelling of the target leads around it.
  if (!route.row->path.starts_with("/v1/") || keys_.Allow(request.authorization)) return std::nullopt;
  return ApiError{.status = 401,
                  .message = request.authorization.empty()
                                 ? "an API key is needed: send the header Authorization: Bearer KEY"
                                 : "the API key is not one of this server's",
                  .type = "authentication_error",
                  .code = "invalid_api_key"};
}

std::optional<ApiError> Service::CheckReady(Endpoint endpoint) const {
  if (backend_ == nullptr) return FromStatus(Unavailable("the model is still loading"));
  const bool watched = endpoint == Endpoint::kMetrics || endpoint == Endpoint::kVersion;
  if (draining_ && !watched) return FromStatus(Unavailable("the server is shutting down"));
  return std::nullopt;
}

std::optional<ApiError> Service::CheckModel(const std::string& name) const {
  const auto& names = config_.names;
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return std::nullopt;
  std::string served;
  for (const std::string& one : names) served += (served.empty() ? "`" : ", `") + one + "`";
  return ApiError{
      .status = 404,
      .message = "The model `" + ShownText(name) + "` does not exist; this server has " + served + ".",
      .param = "model",
      .code = "model_not_found"};
}

HttpReply Service::Answer(const Route& route) {
  switch (route.row->endpoint) {
    case Endpoint::kVersion:
      return {.body = R"({"version":")" + std::string(base::kVersion) + "\"}"};
    case Endpoint::kModels:
      return {.body = ModelList(config_.names, backend_->model(), created_)};
    case Endpoint::kModel:
      if (const auto error = CheckModel(route.argument)) return ErrorReply(*error);
      return {.body = ModelCard(route.argument, backend_->model(), created_)};
    case Endpoint::kLoad:
      return {.body = R"({"server_load":)" + std::to_string(calls_.size()) + "}"};
    case Endpoint::kOpenApi:
      return {.body = openapi_};
    case Endpoint::kMetrics:
      return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
              .body = metrics_->Serialize(backend_->stats())};
    default:
      break;
  }
  return {.content_type = "text/plain", .body = ""};  // health and ping
}

std::shared_ptr<Call> Service::Handle(const Route& route, HttpRequest request, ReplySink& sink) {
  if (auto preflight = AnswerPreflight(config_.cors, request)) {
    sink.Reply(std::move(*preflight));
    return nullptr;
  }
  if (route.row == nullptr) {
    sink.Reply(route.error);
    return nullptr;
  }
  auto error = CheckKey(route, request);
  if (!error) error = CheckReady(route.row->endpoint);
  if (error) {
    sink.Reply(ErrorReply(*error));
    return nullptr;
  }
  switch (route.row->endpoint) {
    case Endpoint::kCompletions:
      return StartCall(ApiKind::kCompletion, std::move(request), sink);
    case Endpoint::kChatCompletions:
      return StartCall(ApiKind::kChat, std::move(request), sink);
    case Endpoint::kTokenize:
      return StartCall(ApiKind::kTokenize, std::move(request), sink);
    case Endpoint::kDetokenize:
      return StartCall(ApiKind::kDetokenize, std::move(request), sink);
    default:
      sink.Reply(Answer(route));
      return nullptr;
  }
}

HeaderList Service::ExtraHeaders(const HttpRequest& request) const {
  HeaderList headers = CorsHeaders(config_.cors, request);
  if (config_.request_id_headers) {
    const bool given = !request.request_id.empty() && IsRequestId(request.request_id);
    headers.emplace_back("X-Request-Id",
                         given ? request.request_id : Hex(id_prefix_) + "-h" + Hex(next_header_id_++));
  }
  return headers;
}

void Service::CountAnswer(const Route& route, int status, std::string_view client,
                          std::string_view request_line) {
  const auto& quiet = config_.quiet_paths;
  const bool is_quiet =
      route.row != nullptr && std::find(quiet.begin(), quiet.end(), route.row->path) != quiet.end();
  if (config_.log_access && !is_quiet) {
    config_.log.Info(std::string(client) + " - \"" + std::string(request_line) + "\" " +
                     std::to_string(status) + " " + std::string(ReasonPhrase(status)));
  }
  if (metrics_ == nullptr) return;
  // A method or path that the client made up does not become a label.
  metrics_->HttpRequestDone(std::string(route.row != nullptr ? route.row->path : "none"),
                            std::string(route.row != nullptr ? route.row->method : "other"), status);
}

ReplyFrame Service::NextFrame(const ApiRequest& request) {
  const bool is_chat = request.kind == ApiKind::kChat;
  ReplyFrame frame{.kind = request.kind,
                   .id = is_chat ? "chatcmpl-" : "cmpl-",
                   .created = UnixSeconds(),
                   .model = request.model.empty() ? config_.names.front() : request.model,
                   .fingerprint = fingerprint_,
                   .role = config_.response_role,
                   .with_prompt_details = config_.prompt_tokens_details,
                   .keeps_text = config_.log_outputs};
  frame.id += request.request_id.empty() ? Hex(id_prefix_) + "-" + Hex(next_id_++) : request.request_id;
  if (is_chat && !request.chat.add_generation_prompt) frame.role = request.chat.messages.back().role;
  return frame;
}

std::optional<ApiError> Service::ReadRequest(ApiKind kind, const HttpRequest& request,
                                             ApiRequest& parsed) const {
  if (auto error = CheckContent(request)) return error;
  if (auto error = ParseApiRequest(kind, request.body, config_.rules, parsed)) return error;
  constexpr std::size_t kIdBytes = 256;
  if (parsed.request_id.empty() && IsRequestId(request.request_id)) {
    parsed.request_id = request.request_id.substr(0, kIdBytes);
  }
  return CheckModel(parsed.model);
}

std::optional<ApiError> Service::CheckRoom(int sequences) const {
  if (sequences_in_flight_ + sequences <= config_.max_sequences_in_flight) return std::nullopt;
  metrics_->RequestRejected();
  return FromStatus(ResourceExhausted("the server has " + std::to_string(sequences_in_flight_) +
                                      " answers under way, of at most " +
                                      std::to_string(config_.max_sequences_in_flight) + "; try again"));
}

std::shared_ptr<Call> Service::StartCall(ApiKind kind, HttpRequest request, ReplySink& sink) {
  // Before any work is done for the request, so that a burst is refused at once.
  if (const auto error = CheckRoom(1)) {
    sink.Reply(ErrorReply(*error));
    return nullptr;
  }
  if (request.body.size() > kLongBody) {
    auto shared = std::make_shared<const HttpRequest>(std::move(request));
    CallObserver& observer = *this;
    return Admit(std::make_shared<ParsingCall>(
        [this, kind, shared = std::move(shared)] {
          ParsingCall::Parsed parsed;
          parsed.error = ReadRequest(kind, *shared, parsed.request);
          return parsed;
        },
        [this](ApiRequest parsed, ReplySink& answer) { return StartParsed(std::move(parsed), answer); },
        executor_, observer, sink));
  }
  ApiRequest parsed;
  if (const auto error = ReadRequest(kind, request, parsed)) {
    sink.Reply(ErrorReply(*error));
    return nullptr;
  }
  return StartParsed(std::move(parsed), sink);
}

std::shared_ptr<Call> Service::StartParsed(ApiRequest request, ReplySink& sink) {
  CallObserver& observer = *this;
  std::shared_ptr<Call> call;
  if (request.kind == ApiKind::kTokenize || request.kind == ApiKind::kDetokenize) {
    call = std::make_shared<TextCall>(std::move(request), *backend_, executor_, observer, sink);
  } else {
    ReplyFrame frame = NextFrame(request);
    if (config_.log_requests) LogRequest(config_.log, frame.id, request, config_.max_log_len);
    call = std::make_shared<CompletionCall>(std::move(request), std::move(frame), *backend_, executor_,
                                            observer, sink);
  }
  if (const auto error = CheckRoom(call->sequences())) {
    sink.Reply(ErrorReply(*error));
    return nullptr;
  }
  return Admit(std::move(call));
}

std::shared_ptr<Call> Service::Admit(std::shared_ptr<Call> call) {
  sequences_in_flight_ += call->sequences();
  calls_.insert(call.get());
  call->Start();
  return call;
}

void Service::FailAll(const ApiError& error) {
  // A copy: each takes itself out, at once or when work under way for it has come back.
  const std::vector<Call*> all(calls_.begin(), calls_.end());
  for (Call* call : all) call->Fail(error);
}

void Service::OnSubmitted(const ApiRequest& request, int max_tokens) {
  metrics_->RequestAccepted(request.n, max_tokens);
}

void Service::OnTokenGap(double seconds) {
  metrics_->TokenGap(seconds);
}

void Service::OnSequenceFinished(const RequestOutput& last, std::int64_t prompt_tokens,
                                 std::int64_t generated_tokens) {
  metrics_->SequenceFinished(last, prompt_tokens, generated_tokens);
}

void Service::OnText(const ReplyFrame& frame, const ChoicePart& part, std::string_view whole) {
  const bool last = part.finish_reason != FinishReason::kNone;
  if (config_.log_deltas && !part.text.empty() && !last)
    LogText(config_.log, frame.id, part, "delta", part.text, config_.max_log_len);
  if (last) LogText(config_.log, frame.id, part, "output", whole, config_.max_log_len);
}

void Service::OnAnswered(std::int64_t most_generated_tokens) {
  metrics_->RequestAnswered(most_generated_tokens);
}

void Service::OnEnded(Call& call) {
  sequences_in_flight_ -= call.sequences();
  calls_.erase(&call);
}

}  // namespace vivace::server
