// `vivace bench serve`: requests over HTTP to a server of the OpenAI API, ours or another.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "base/status_macros.h"
#include "cli/bench.h"
#include "cli/bench_dataset.h"
#include "cli/json_object.h"
#include "cli/progress_bar.h"
#include "cli/result_file.h"
#include "cli/serve_client.h"
#include "cli/serve_event.h"
#include "cli/serve_metrics.h"

namespace vivace::cli {
namespace {

// Words that are one token, with the space in front, in every vocabulary of English text.
constexpr std::string_view kWords[] = {
    "the", "of",  "and",  "to",  "in",    "is",   "that",  "for", "on",    "was",  "with", "as",
    "it",  "be",  "by",   "at",  "this",  "from", "are",   "not", "or",    "have", "an",   "which",
    "one", "you", "were", "all", "their", "her",  "there", "has", "when",  "who",  "will", "more",
    "no",  "if",  "out",  "so",  "said",  "what", "up",    "its", "about", "into", "than", "them"};
constexpr int kBytesOfToken = 4;  // of English text, about
constexpr std::string_view kSamplingNames[] = {
    "temperature", "top-p", "top-k", "min-p", "presence-penalty", "frequency-penalty", "repetition-penalty"};

struct ServePrompt {
  std::string text;
  int output_tokens = 0;
};

/// What the command line asks for.
struct ServePlan {
  ServeTarget target;
  std::string backend, path, model;
  bool is_chat = false;
  double rate = 0;  // requests a second; 0: all at once
  std::map<std::string, double> goals_ms;
  ServeReportOptions report;
};

Status Wrong(std::string_view option, const std::string& text, std::string_view wanted) {
  return InvalidArgument(fmt::format("--{} is '{}': it must be {}", option, text.substr(0, 100), wanted));
}

bool ReadNumber(const std::string& text, double& number) {
  char* end = nullptr;
  number = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && number >= 0;
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) out.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

bool IsLatencyKey(std::string_view key) {
  return key == "ttft" || key == "tpot" || key == "itl" || key == "e2el";
}

Status ReadReport(const RowValues& values, ServePlan& plan) {
  plan.report.max_concurrency = static_cast<int>(values.Integer("max-concurrency"));
  if (plan.rate > 0) plan.report.request_rate = plan.rate;
  plan.report.shown = Split(values.Text("percentile-metrics"));
  for (const std::string& key : plan.report.shown) {
    if (!IsLatencyKey(key))
      return Wrong("percentile-metrics", key, "some of ttft, tpot, itl, e2el with commas between");
  }
  plan.report.percentiles.clear();
  for (const std::string& text : Split(values.Text("metric-percentiles"))) {
    double percent = 0;
    if (!ReadNumber(text, percent) || percent > 100)
      return Wrong("metric-percentiles", text, "numbers from 0 to 100 with commas between");
    plan.report.percentiles.push_back(percent);
  }
  for (const std::string& text : values.List("goodput")) {
    const std::size_t colon = text.find(':');
    double goal = 0;
    const std::string key = text.substr(0, colon);
    if (colon == std::string::npos || !IsLatencyKey(key) || key == "itl" ||
        !ReadNumber(text.substr(colon + 1), goal))
      return Wrong("goodput", text, "ttft, tpot or e2el with milliseconds, as in ttft:200");
    plan.goals_ms[key] = goal;
  }
  return Status::Ok();
}

Result<ServePlan> ReadPlan(const RowValues& values) {
  ServePlan plan;
  plan.backend = values.Text("backend");
  plan.is_chat = plan.backend == "openai-chat";
  plan.path = values.Text("endpoint");
  if (plan.path.empty()) plan.path = plan.is_chat ? "/v1/chat/completions" : "/v1/completions";
  if (!plan.path.starts_with('/')) return Wrong("endpoint", plan.path, "a path such as /v1/completions");
  if (values.IsSet("base-url")) {
    VIVACE_ASSIGN_OR_RETURN(plan.target, ParseBaseUrl(values.Text("base-url")));
  } else {
    plan.target.host = values.Text("host");
    plan.target.port = values.Text("port");
  }
  for (const std::string& header : values.List("header")) {
    const std::size_t equals = header.find('=');
    if (equals == std::string::npos || equals == 0) return Wrong("header", header, "NAME=VALUE");
    plan.target.headers.emplace_back(header.substr(0, equals), header.substr(equals + 1));
  }
  const std::string rate = values.Text("request-rate");
  if (rate != "inf" && (!ReadNumber(rate, plan.rate) || plan.rate <= 0))
    return Wrong("request-rate", rate, "requests per second, or inf for all at once");
  VIVACE_RETURN_IF_ERROR(ReadReport(values, plan));
  return plan;
}

std::string RandomText(int tokens, std::mt19937_64& random) {
  std::string text;
  for (int i = 0; i < tokens; ++i) {
    if (i > 0) text += ' ';
    text += kWords[random() % std::size(kWords)];
  }
  return text;
}

/// The first of the options that is set; the last one's default.
int Length(const RowValues& values, std::string_view common, std::string_view own) {
  return static_cast<int>(values.Integer(values.IsSet(common) ? common : own));
}

Result<std::vector<ServePrompt>> MakePrompts(const RowValues& values) {
  std::mt19937_64 random(static_cast<std::uint64_t>(values.Integer("seed")));
  const auto wanted = static_cast<std::size_t>(values.Integer("num-prompts"));
  std::vector<ServePrompt> prompts;
  if (values.Text("dataset-name") == "random") {
    const std::string prefix = RandomText(static_cast<int>(values.Integer("random-prefix-len")), random);
    const double ratio = values.Number("random-range-ratio");
    const auto draw = [&](int length) {
      const int low = std::max(1, static_cast<int>(length * (1 - ratio)));
      const int high = std::max(low, static_cast<int>(length * (1 + ratio)));
      return low + static_cast<int>(random() % static_cast<std::uint64_t>(high - low + 1));
    };
    while (prompts.size() < wanted) {
      const std::string text = RandomText(draw(Length(values, "input-len", "random-input-len")), random);
      prompts.push_back({prefix.empty() ? text : prefix + " " + text,
                         draw(Length(values, "output-len", "random-output-len"))});
    }
    return prompts;
  }
  VIVACE_ASSIGN_OR_RETURN(auto conversations, ReadShareGpt(values.Text("dataset-path")));
  std::shuffle(conversations.begin(), conversations.end(), random);
  const bool is_fixed = values.IsSet("output-len") || values.IsSet("sharegpt-output-len");
  for (std::size_t i = 0; prompts.size() < wanted; ++i) {
    if (i == conversations.size() && values.Flag("no-oversample")) break;
    Conversation& conversation = conversations[i % conversations.size()];
    const int length = is_fixed
                           ? Length(values, "output-len", "sharegpt-output-len")
                           : std::max<int>(1, static_cast<int>(conversation.answer.size()) / kBytesOfToken);
    prompts.push_back({conversation.question, length});
  }
  return prompts;
}

Result<std::string> Body(const RowValues& values, const ServePlan& plan, const ServePrompt& prompt) {
  JsonObject body;
  body.Add("model", plan.model);
  if (plan.is_chat) {
    JsonObject message;
    message.Add("role", "user");
    message.Add("content", prompt.text);
    body.AddRaw("messages", "[" + message.Take() + "]");
    body.Add("max_completion_tokens", prompt.output_tokens);
  } else {
    body.Add("prompt", prompt.text);
    body.Add("max_tokens", prompt.output_tokens);
  }
  for (const std::string_view name : kSamplingNames) {
    if (!values.IsSet(name)) continue;
    std::string key(name);
    std::replace(key.begin(), key.end(), '-', '_');
    body.AddRaw(key, values.Text(name));
  }
  if (values.Flag("ignore-eos")) body.Add("ignore_eos", true);
  const bool streams = !values.Flag("no-stream");
  body.Add("stream", streams);
  if (streams) body.AddRaw("stream_options", R"({"include_usage":true})");
  const std::string text = body.Take();
  return values.IsSet("extra-body") ? MergeObjects(text, values.Text("extra-body"))
                                    : Result<std::string>(text);
}

/// Bodies and the moments at which they are sent: gaps of a gamma distribution whose shape is `burstiness`
/// (1: a Poisson process).
Result<std::vector<ServeRequest>> MakeRequests(const RowValues& values, const ServePlan& plan) {
  VIVACE_ASSIGN_OR_RETURN(const std::vector<ServePrompt> prompts, MakePrompts(values));
  std::mt19937_64 random(static_cast<std::uint64_t>(values.Integer("seed")) + 1);
  const double burstiness = values.Number("burstiness");
  std::gamma_distribution<double> gaps(burstiness, plan.rate > 0 ? 1 / (plan.rate * burstiness) : 1);
  std::vector<ServeRequest> requests;
  double at = 0;
  for (const ServePrompt& prompt : prompts) {
    VIVACE_ASSIGN_OR_RETURN(std::string body, Body(values, plan, prompt));
    requests.push_back({std::move(body), at});
    if (plan.rate > 0) at += gaps(random);
  }
  return requests;
}

/// Asks until the server answers one request, for at most --ready-check-timeout-sec.
Status WaitUntilReady(const RowValues& values, const ServePlan& plan, const ServeRequest& request) {
  const auto timeout = std::chrono::seconds(values.Integer("ready-check-timeout-sec"));
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (timeout.count() > 0) {
    const ServeRun run = RunServeRequests(plan.target, plan.path, {{request.body, 0}}, 1, {});
    if (run.answers[0].ok) break;
    if (std::chrono::steady_clock::now() >= end)
      return Unavailable("the server is not ready: " + run.answers[0].error);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return Status::Ok();
}

Result<std::string> ModelOf(const RowValues& values, const ServePlan& plan) {
  for (const char* option : {"served-model-name", "model"}) {
    if (values.IsSet(option)) return values.Text(option);
  }
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::seconds(values.Integer("ready-check-timeout-sec"));
  while (true) {
    const auto list = FetchFromServer(plan.target, "/v1/models");
    if (list.ok()) return FirstModel(*list);
    if (std::chrono::steady_clock::now() >= end) return list.status();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

std::string Today(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  char text[64] = {};
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

void AddDetails(const ServeRun& run, JsonObject& out) {
  std::string inputs, outputs, firsts, texts, errors;
  const auto add = [](std::string& list, std::string_view item) {
    list += list.empty() ? "" : ",";
    list += item;
  };
  for (const ServeAnswer& answer : run.answers) {
    add(inputs, std::to_string(answer.prompt_tokens));
    add(outputs, std::to_string(answer.output_tokens));
    add(firsts, fmt::format("{}", answer.piece_s.empty() ? 0 : answer.piece_s.front() - answer.start_s));
    std::string text, error;
    base::AppendJsonString(answer.text, text);
    base::AppendJsonString(answer.error, error);
    add(texts, text);
    add(errors, error);
  }
  out.AddRaw("input_lens", "[" + inputs + "]");
  out.AddRaw("output_lens", "[" + outputs + "]");
  out.AddRaw("ttfts", "[" + firsts + "]");
  out.AddRaw("generated_texts", "[" + texts + "]");
  out.AddRaw("errors", "[" + errors + "]");
}

std::string ResultJson(const RowValues& values, const ServePlan& plan, const ServeRun& run,
                       const ServeMetrics& metrics) {
  JsonObject out;
  out.Add("date", Today("%Y%m%d-%H%M%S"));
  out.Add("endpoint_type", plan.backend);
  if (values.IsSet("label")) out.Add("label", values.Text("label"));
  out.Add("model_id", plan.model);
  out.Add("num_prompts", values.Integer("num-prompts"));
  for (const std::string& pair : values.List("metadata")) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    out.Add(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
  }
  if (plan.rate > 0) {
    out.Add("request_rate", plan.rate);
  } else {
    out.Add("request_rate", "inf");
  }
  out.Add("burstiness", values.Number("burstiness"));
  if (plan.report.max_concurrency > 0) {
    out.Add("max_concurrency", plan.report.max_concurrency);
  } else {
    out.AddRaw("max_concurrency", "null");
  }
  for (const auto& [name, value] : ServeFigures(metrics, plan.report)) out.Add(name, value);
  if (values.Flag("save-detailed")) AddDetails(run, out);
  return out.Take() + "\n";
}

/// --result-filename in --result-dir; unset: a name of backend, rate, model and time.
std::string ResultPath(const RowValues& values, const ServePlan& plan) {
  if (!values.Flag("save-result") && !values.IsSet("result-filename")) return "";
  std::string name = values.Text("result-filename");
  if (name.empty()) {
    std::string model = plan.model.substr(plan.model.find_last_of('/') + 1);
    const std::string rate = plan.rate > 0 ? fmt::format("{}", plan.rate) : "inf";
    const std::string label = values.IsSet("label") ? values.Text("label") : plan.backend;
    const int most = plan.report.max_concurrency;
    name = fmt::format("{}-{}qps{}-{}-{}.json", label, rate,
                       most > 0 ? fmt::format("-concurrency{}", most) : "", model, Today("%Y%m%d-%H%M%S"));
  }
  if (!values.IsSet("result-dir")) return name;
  std::error_code ignored;
  std::filesystem::create_directories(values.Text("result-dir"), ignored);
  return values.Text("result-dir") + "/" + name;
}

}  // namespace

Status RunBenchServe(const Invocation& invocation) {
  const RowValues& values = invocation.bench;
  VIVACE_ASSIGN_OR_RETURN(ServePlan plan, ReadPlan(values));
  VIVACE_ASSIGN_OR_RETURN(plan.model, ModelOf(values, plan));
  const std::string path = ResultPath(values, plan);
  VIVACE_RETURN_IF_ERROR(CheckWritable("result-filename", path));
  VIVACE_ASSIGN_OR_RETURN(const std::vector<ServeRequest> requests, MakeRequests(values, plan));
  if (requests.empty()) return InvalidArgument("--num-prompts: there is no request to send");
  VIVACE_RETURN_IF_ERROR(WaitUntilReady(values, plan, requests[0]));
  const int most = plan.report.max_concurrency;
  if (const auto warmups = static_cast<std::size_t>(values.Integer("num-warmups")); warmups > 0) {
    std::vector<ServeRequest> first(warmups, {requests[0].body, 0});
    RunServeRequests(plan.target, plan.path, first, most, {});
  }
  ServeRun run;
  {
    ProgressBar bar(ProgressFile(values.Flag("disable-tqdm")), "Requests",
                    static_cast<std::int64_t>(requests.size()));
    run = RunServeRequests(plan.target, plan.path, requests, most, [&] { bar.Advance(); });
  }
  const ServeMetrics metrics = Summarise(run, plan.goals_ms);
  std::fputs(ServeText(metrics, plan.report).c_str(), stdout);
  VIVACE_RETURN_IF_ERROR(WriteResult("result-filename", path, ResultJson(values, plan, run, metrics)));
  if (metrics.completed > 0) return Status::Ok();
  return Unavailable("no request succeeded; the first one: " + run.answers[0].error);
}

}  // namespace vivace::cli
