#include "server/request_log.h"

#include "base/json_text.h"

namespace vivace::server {
namespace {

std::string PromptText(const PromptInput& prompt) {
  if (const auto* text = std::get_if<std::string>(&prompt)) return *text;
  std::string out;
  for (const std::int32_t id : std::get<std::vector<std::int32_t>>(prompt)) {
    out += (out.empty() ? "" : ",") + std::to_string(id);
  }
  return "[" + out + "]";
}

/// The first characters of a text, never half of one.
std::string Cut(std::string text, int max_characters) {
  if (max_characters < 0) return text;
  std::size_t end = 0;
  for (int i = 0; i < max_characters && end < text.size(); ++i) {
    end += std::max<std::size_t>(1, base::Utf8Length(std::string_view(text).substr(end, 4)));
  }
  text.resize(std::min(end, text.size()));
  return text;
}

void LogPrompt(const base::Log& log, std::string_view id, std::string text, int max_characters) {
  std::string line = "Request " + std::string(id) + ": prompt ";
  base::AppendJsonString(Cut(std::move(text), max_characters), line);
  log.Debug(line);
}

class Description {
 public:
  void Add(std::string_view name, double value, double normal) {
    if (value == normal) return;
    Begin(name);
    base::AppendJsonNumber(value, text_);
  }
  void Count(std::string_view name, std::size_t count) {
    if (count == 0) return;
    Begin(name);
    text_ += std::to_string(count) + " given";
  }
  std::string Take() { return std::move(text_); }

 private:
  void Begin(std::string_view name) {
    if (!text_.empty()) text_ += ", ";
    text_ += std::string(name) + "=";
  }
  std::string text_;
};

}  // namespace

std::string DescribeRequest(const ApiRequest& request) {
  constexpr double kAlways = -1e300;
  const SamplingParams& sampling = request.sampling;
  Description out;
  if (request.kind == ApiKind::kChat) {
    out.Count("messages", request.chat.messages.size());
  } else {
    out.Count("prompts", request.prompts.size());
  }
  out.Add("n", request.n, kAlways);
  out.Add("max_tokens", request.max_tokens.value_or(-1), -1);
  out.Add("min_tokens", sampling.min_tokens, 0);
  out.Add("temperature", sampling.temperature, kAlways);
  out.Add("top_p", sampling.top_p, 1);
  out.Add("top_k", sampling.top_k, 0);
  out.Add("min_p", sampling.min_p, 0);
  out.Add("typical_p", sampling.typical_p, 1);
  out.Add("repetition_penalty", sampling.repetition_penalty, 1);
  out.Add("presence_penalty", sampling.presence_penalty, 0);
  out.Add("frequency_penalty", sampling.frequency_penalty, 0);
  if (sampling.seed) out.Add("seed", static_cast<double>(*sampling.seed), kAlways);
  out.Add("logprobs", sampling.logprobs, -1);
  out.Add("prompt_logprobs", sampling.prompt_logprobs, -1);
  out.Add("ignore_eos", sampling.ignore_eos ? 1 : 0, 0);
  out.Add("echo", request.echo ? 1 : 0, 0);
  out.Add("stream", request.stream ? 1 : 0, 0);
  out.Count("stop", sampling.stop.size());
  out.Count("stop_token_ids", sampling.stop_token_ids.size());
  out.Count("logit_bias", sampling.logit_bias.size());
  out.Count("allowed_token_ids", sampling.allowed_token_ids.size());
  out.Count("bad_words", request.bad_words.size());
  return out.Take();
}

void LogText(const base::Log& log, std::string_view id, const ChoicePart& part, std::string_view what,
             std::string_view text, int max_characters) {
  std::string line = "Generated response " + std::string(id) + ": choice " + std::to_string(part.index) +
                     ", " + std::string(what) + " ";
  base::AppendJsonString(Cut(std::string(text), max_characters), line);
  if (part.finish_reason != FinishReason::kNone)
    line += ", finish_reason " + std::string(FinishReasonText(part.finish_reason));
  log.Info(line);
}

void LogRequest(const base::Log& log, std::string_view id, const ApiRequest& request, int max_characters) {
  log.Info("Received request " + std::string(id) + ": " + DescribeRequest(request));
  if (!log.Logs(base::LogLevel::kDebug)) return;
  for (const PromptInput& prompt : request.prompts) LogPrompt(log, id, PromptText(prompt), max_characters);
  for (const ChatMessage& message : request.chat.messages) {
    LogPrompt(log, id, message.role + ": " + message.content, max_characters);
  }
}

}  // namespace vivace::server
