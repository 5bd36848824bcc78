// `vivace bench throughput`: requests and tokens per second when all requests are there at once.
#include <fmt/format.h>

#include <cstdio>

#include "base/status_macros.h"
#include "cli/bench.h"
#include "cli/bench_dataset.h"
#include "cli/bench_throughput_text.h"
#include "cli/progress_bar.h"
#include "cli/result_file.h"

namespace vivace::cli {
namespace {

constexpr int kDefaultOutput = 128;

/// The first of the two options that is set.
std::optional<int> FirstSet(const RowValues& values, std::string_view one, std::string_view other) {
  for (const std::string_view name : {one, other}) {
    if (values.IsSet(name)) return static_cast<int>(values.Integer(name));
  }
  return std::nullopt;
}

std::uint64_t SeedOf(const Options& options) {
  return options.IsSet("seed") ? static_cast<std::uint64_t>(options.Integer("seed")) : 0;
}

bool IsRandom(const RowValues& values) {
  return !values.IsSet("dataset-path") || values.Text("dataset-name") == "random";
}

/// What is wrong, before a model is loaded.
Status Check(const RowValues& values) {
  VIVACE_RETURN_IF_ERROR(CheckWritable("output-json", values.Text("output-json")));
  if (!IsRandom(values) || FirstSet(values, "input-len", "random-input-len")) return Status::Ok();
  return InvalidArgument("input_len must be provided for a random dataset: give --input-len N");
}

Result<std::vector<BenchRequest>> MakeRequests(const RowValues& values, const Options& options,
                                               const Engine& engine) {
  const auto requests = static_cast<int>(values.Integer("num-prompts"));
  const std::optional<int> output = FirstSet(values, "output-len", "random-output-len");
  if (IsRandom(values)) {
    RandomDataset dataset;
    dataset.requests = requests;
    dataset.input_tokens = FirstSet(values, "input-len", "random-input-len").value_or(1);
    dataset.output_tokens = output.value_or(kDefaultOutput);
    dataset.range_ratio = values.Number("random-range-ratio");
    dataset.prefix_tokens =
        static_cast<int>(std::max(values.Integer("random-prefix-len"), values.Integer("prefix-len")));
    dataset.seed = SeedOf(options);
    return MakeRandomRequests(dataset, engine.model());
  }
  VIVACE_ASSIGN_OR_RETURN(auto conversations, ReadShareGpt(values.Text("dataset-path")));
  return MakeShareGptRequests({requests, output, SeedOf(options), !values.Flag("no-oversample")},
                              std::move(conversations), engine);
}

}  // namespace

Status RunBenchThroughput(const Invocation& invocation) {
  const RowValues& values = invocation.bench;
  VIVACE_RETURN_IF_ERROR(Check(values));
  if (!values.IsSet("dataset-path") && values.Text("dataset-name") != "random")
    std::puts("When dataset path is not set, it will default to random dataset");
  VIVACE_ASSIGN_OR_RETURN(const auto engine, Engine::Create(invocation.options));
  VIVACE_ASSIGN_OR_RETURN(const auto requests, MakeRequests(values, invocation.options, *engine));
  const auto answers = static_cast<int>(values.Integer("n"));
  if (const auto warmups = static_cast<std::size_t>(values.Integer("num-warmups")); warmups > 0) {
    const auto first = std::span(requests).first(std::min(warmups, requests.size()));
    const auto warm = RunToEnd(*engine, first, BenchSampling(), answers, {});
    if (!warm.ok()) return warm.status();
  }
  const Result<BenchRun> run = [&] {
    const std::int64_t total = static_cast<std::int64_t>(requests.size()) * answers;
    ProgressBar bar(ProgressFile(values.Flag("disable-tqdm")), "Processed prompts", total);
    return RunToEnd(*engine, requests, BenchSampling(), answers, [&](int ended) { bar.Advance(ended); });
  }();
  if (!run.ok()) return run.status();
  const Throughput result{static_cast<std::int64_t>(requests.size()), run->prompt_tokens, run->output_tokens,
                          run->seconds};
  std::fputs(ThroughputText(result).c_str(), stdout);
  return WriteResult("output-json", values.Text("output-json"), ThroughputJson(result) + "\n");
}

}  // namespace vivace::cli
