// Names and defaults are those of vLLM's benchmarks, so that a command line of theirs works here.
#include "cli/bench_option_rows.h"

#include <array>

namespace vivace::cli {
namespace {

using base::OptionRow;
using base::OptionType;

constexpr unsigned kLatency = base::kBenchLatencyOption;
constexpr unsigned kThroughput = base::kBenchThroughputOption;
constexpr unsigned kStartup = base::kBenchStartupOption;
constexpr unsigned kServe = base::kBenchServeOption;
constexpr unsigned kLevels = base::kBenchLevelsOption;
constexpr unsigned kAll = kLatency | kThroughput | kStartup | kServe | kLevels;
constexpr double kMost = 1 << 24;

constexpr OptionRow Whole(std::string_view name, std::string_view value, double minimum,
                          std::string_view unit, unsigned scope, std::string_view help) {
  return {.name = name,
          .type = OptionType::kInteger,
          .default_text = value,
          .minimum = minimum,
          .maximum = kMost,
          .unit = unit,
          .scope = scope,
          .help = help,
          .common = true};
}

constexpr OptionRow Number(std::string_view name, std::string_view value, double minimum, double maximum,
                           std::string_view unit, unsigned scope, std::string_view help) {
  return {.name = name,
          .type = OptionType::kNumber,
          .default_text = value,
          .minimum = minimum,
          .maximum = maximum,
          .unit = unit,
          .scope = scope,
          .help = help,
          .common = true};
}

constexpr OptionRow Flag(std::string_view name, unsigned scope, std::string_view help) {
  return {.name = name,
          .type = OptionType::kFlag,
          .default_text = "false",
          .scope = scope,
          .help = help,
          .common = true};
}

constexpr OptionRow Text(std::string_view name, std::string_view value, std::string_view unit, unsigned scope,
                         std::string_view help) {
  return {.name = name,
          .type = OptionType::kString,
          .default_text = value,
          .unit = unit,
          .scope = scope,
          .help = help,
          .common = true};
}

constexpr OptionRow Choice(std::string_view name, std::string_view value, std::string_view choices,
                           unsigned scope, std::string_view help) {
  return {.name = name,
          .type = OptionType::kChoice,
          .default_text = value,
          .choices = choices,
          .scope = scope,
          .help = help,
          .common = true};
}

// clang-format off: a table
constexpr std::array kRows = {
    Whole("input-len", "32", 1, "tokens", kLatency, "tokens of each prompt"),
    Whole("output-len", "128", 1, "tokens", kLatency, "tokens of each answer"),
    Whole("batch-size", "8", 1, "requests", kLatency, "requests that run together"),
    Whole("n", "1", 1, "answers", kLatency | kThroughput, "answers to each prompt"),
    Whole("num-iters-warmup", "10", 0, "runs", kLatency, "runs before those that count"),
    Whole("num-iters", "30", 1, "runs", kLatency, "runs that count"),

    Choice("backend", "vllm", "vllm|vllm-chat", kThroughput,
           "taken for vLLM's sake: the engine in this process is measured"),
    Choice("dataset-name", "sharegpt", "sharegpt|random", kThroughput,
           "where requests come from: conversations of the JSON file --dataset-path, or random tokens"),
    Text("dataset-path", "", "FILE", kThroughput,
         "JSON: a list of {\"conversations\": [{\"value\": TEXT}, ...]}; unset: random tokens"),
    Whole("input-len", "", 1, "tokens", kThroughput, "tokens of each prompt of random tokens"),
    Whole("output-len", "", 1, "tokens", kThroughput, "tokens of each answer; unset: those of the dataset"),
    Whole("random-input-len", "", 1, "tokens", kThroughput, "the same as --input-len"),
    Whole("random-output-len", "", 1, "tokens", kThroughput, "the same as --output-len"),
    Number("random-range-ratio", "0", 0, 1, "", kThroughput,
           "lengths are drawn from (1 - R) to (1 + R) times the length"),
    Whole("random-prefix-len", "0", 0, "tokens", kThroughput, "tokens in front that all prompts share"),
    Whole("prefix-len", "0", 0, "tokens", kThroughput, "the same as --random-prefix-len"),
    Whole("num-prompts", "1000", 1, "requests", kThroughput, "requests"),
    Whole("num-warmups", "0", 0, "requests", kThroughput, "requests before those that count"),
    Flag("no-oversample", kThroughput, "no request twice where the dataset has too few"),
    Flag("async-engine", kThroughput, "taken for vLLM's sake: requests are always submitted at once"),

    OptionRow{.name = "levels",
              .type = OptionType::kIntegers,
              .default_text = "0,1,2,3",
              .minimum = 0,
              .maximum = 3,
              .scope = kLevels,
              .help = "levels to compare, each with the next",
              .common = true},
    Number("max-seconds", "600", 1, 86400, "s", kLevels, "time for all; what is open by then is undecided"),
    Number("bound", "0.98", 0.5, 1, "", kLevels,
           "the contract: speed of a level by that of the one below, at least"),
    Number("turn-seconds", "0.02", 0.01, 60, "s", kLevels, "about how long one answer of a process takes"),
    Whole("turns", "3", 1, "turns", kLevels,
          "answers of each process to each question, in turns with the other's"),
    Whole("least-pairs", "8", 3, "pairs", kLevels, "pairs of processes before anything is decided"),
    Text("plot", "", "FILE", kLevels, "write a page with bars to this file"),
    OptionRow{.name = "child",
              .type = OptionType::kFlag,
              .default_text = "false",
              .scope = kLevels | kStartup,
              .help = "how a benchmark starts itself: answers questions on the standard input"},

    Whole("num-iters-cold", "3", 1, "starts", kStartup, "starts with an empty cache"),
    Whole("num-iters-warmup", "1", 0, "starts", kStartup, "starts that fill the cache before the warm ones"),
    Whole("num-iters-warm", "3", 1, "starts", kStartup, "starts with what the warm-up left in the cache"),

    Choice("backend", "openai", "openai|openai-chat|vllm", kServe,
           "openai and vllm post completions, openai-chat chats"),
    Text("base-url", "", "URL", kServe, "http://HOST:PORT, instead of --host and --port"),
    Text("host", "127.0.0.1", "", kServe, "the server's name or address"),
    Whole("port", "8000", 1, "", kServe, "the server's port"),
    Text("endpoint", "", "PATH", kServe,
         "path of the requests; unset: /v1/completions, or /v1/chat/completions of openai-chat"),
    OptionRow{.name = "header",
              .type = OptionType::kList,
              .default_text = "",
              .unit = "NAME=VALUE",
              .scope = kServe,
              .help = "a header of every request, such as Authorization='Bearer KEY'",
              .common = true,
              .several = true},
    Text("model", "", "NAME", kServe, "the model's name in requests; unset: the first of /v1/models"),
    Text("served-model-name", "", "NAME", kServe, "the same as --model, and before it"),
    Text("label", "", "", kServe, "a name of this run in its result"),
    Whole("num-prompts", "1000", 1, "requests", kServe, "requests"),
    Whole("num-warmups", "0", 0, "requests", kServe, "requests before those that count"),
    Choice("dataset-name", "random", "random|sharegpt", kServe,
           "where prompts come from: random English words, or conversations of --dataset-path"),
    Text("dataset-path", "", "FILE", kServe, "JSON: a list of {\"conversations\": [{\"value\": TEXT}, ...]}"),
    Flag("no-oversample", kServe, "no request twice where the dataset has too few"),
    Whole("input-len", "", 1, "tokens", kServe, "the same as --random-input-len"),
    Whole("output-len", "", 1, "tokens", kServe, "tokens of each answer, of any dataset"),
    Whole("random-input-len", "1024", 1, "tokens", kServe, "words of each prompt, about a token each"),
    Whole("random-output-len", "128", 1, "tokens", kServe, "tokens of each answer"),
    Number("random-range-ratio", "0", 0, 1, "", kServe,
           "lengths are drawn from (1 - R) to (1 + R) times the length"),
    Whole("random-prefix-len", "0", 0, "tokens", kServe, "words in front that all prompts share"),
    Whole("sharegpt-output-len", "", 1, "tokens", kServe,
          "tokens of each answer; unset: about as many as the conversation's"),
    Whole("seed", "0", 0, "", kServe, "of prompts and of the moments at which they are sent"),
    Text("request-rate", "inf", "N", kServe, "requests per second; inf: all at once"),
    Number("burstiness", "1", 0.001, 1000, "", kServe, "1: a Poisson process; less: in bursts; more: evenly"),
    Whole("max-concurrency", "0", 0, "requests", kServe, "requests under way at most; 0: any number"),
    Flag("ignore-eos", kServe, "answers have their full length"),
    Flag("no-stream", kServe, "whole answers instead of streams"),
    Text("extra-body", "", "JSON", kServe, "members of every request's body, over those made here"),
    Number("temperature", "0", 0, 10, "", kServe, "of every request, as all sampling below"),
    Number("top-p", "", 0, 1, "", kServe, "sent when it is set"),
    Number("top-k", "", -1, kMost, "", kServe, "sent when it is set"),
    Number("min-p", "", 0, 1, "", kServe, "sent when it is set"),
    Number("presence-penalty", "", -2, 2, "", kServe, "sent when it is set"),
    Number("frequency-penalty", "", -2, 2, "", kServe, "sent when it is set"),
    Number("repetition-penalty", "", 0, 10, "", kServe, "sent when it is set"),
    Text("percentile-metrics", "ttft,tpot,itl", "", kServe,
         "latencies that are shown: ttft, tpot, itl, e2el"),
    Text("metric-percentiles", "99", "N,N", kServe, "percentiles that are shown"),
    OptionRow{.name = "goodput",
              .type = OptionType::kList,
              .default_text = "",
              .unit = "KEY:MS",
              .scope = kServe,
              .help = "a request is good when it meets all of these: ttft:200 tpot:50 e2el:5000",
              .common = true,
              .several = true},
    Whole("ready-check-timeout-sec", "0", 0, "s", kServe,
          "wait so long for the server's first answer; 0: do not wait"),
    Flag("save-result", kServe, "write the result to a file"),
    Flag("save-detailed", kServe, "and every request's lengths, times, text and error"),
    Text("result-dir", "", "FOLDER", kServe, "where the result is written; made when it is missing"),
    Text("result-filename", "", "FILE", kServe, "its name; unset: of backend, rate, model and time"),
    OptionRow{.name = "metadata",
              .type = OptionType::kList,
              .default_text = "",
              .unit = "KEY=VALUE",
              .scope = kServe,
              .help = "members of the result",
              .common = true,
              .several = true},

    Flag("disable-detokenize", kLatency | kThroughput,
         "taken for vLLM's sake: answers' text costs next to nothing here"),
    Text("output-json", "", "FILE", kLatency | kThroughput | kStartup | kLevels,
         "write the results to this file, too"),
    Flag("disable-tqdm", kAll, "no progress bar, even on a terminal"),
};
// clang-format on

}  // namespace

std::span<const OptionRow> BenchOptionRows() {
  return kRows;
}

}  // namespace vivace::cli
