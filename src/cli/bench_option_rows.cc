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
