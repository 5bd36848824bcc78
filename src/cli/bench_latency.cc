// `vivace bench latency`: the time of one batch of requests, again and again.
#include <fmt/format.h>

#include <cstdio>

#include "base/status_macros.h"
#include "cli/bench.h"
#include "cli/bench_latency_text.h"
#include "cli/bench_requests.h"
#include "cli/progress_bar.h"
#include "cli/result_file.h"

namespace vivace::cli {
namespace {

/// A prompt that was cached would not be computed.
Status TurnPrefixCachingOff(Options& options) {
  return options.Set("enable-prefix-caching", "false", OptionOrigin::kPlatform);
}

Status CheckLengths(const ModelInfo& model, std::int64_t input, std::int64_t output) {
  if (input + output <= model.max_model_len) return Status::Ok();
  return InvalidArgument(fmt::format(
      "--input-len {} and --output-len {} are {} tokens: please ensure that max_model_len ({}) is not less",
      input, output, input + output, model.max_model_len));
}

}  // namespace

Status RunBenchLatency(const Invocation& invocation) {
  const RowValues& values = invocation.bench;
  const std::string json_path = values.Text("output-json");
  VIVACE_RETURN_IF_ERROR(CheckWritable("output-json", json_path));
  Options options = invocation.options;
  VIVACE_RETURN_IF_ERROR(TurnPrefixCachingOff(options));
  VIVACE_ASSIGN_OR_RETURN(const auto engine, Engine::Create(options));
  const auto input = static_cast<int>(values.Integer("input-len"));
  const auto output = static_cast<int>(values.Integer("output-len"));
  VIVACE_RETURN_IF_ERROR(CheckLengths(engine->model(), input, output));

  std::vector<BenchRequest> batch;
  for (std::int64_t i = 0; i < values.Integer("batch-size"); ++i)
    batch.push_back({RandomTokens(engine->model(), input, static_cast<std::uint64_t>(i)), output});
  const auto answers = static_cast<int>(values.Integer("n"));
  std::FILE* const bar_file = ProgressFile(values.Flag("disable-tqdm"));
  std::vector<double> latencies;
  const auto run = [&](std::string_view title, std::int64_t iterations, bool counts) -> Status {
    ProgressBar bar(bar_file, title, iterations);
    for (std::int64_t i = 0; i < iterations; ++i) {
      VIVACE_ASSIGN_OR_RETURN(const BenchRun took, RunToEnd(*engine, batch, BenchSampling(), answers, {}));
      if (counts) latencies.push_back(took.seconds);
      bar.Advance();
    }
    return Status::Ok();
  };
  if (const std::int64_t warmups = values.Integer("num-iters-warmup"); warmups > 0) {
    std::puts("Warming up...");
    std::fflush(stdout);
    VIVACE_RETURN_IF_ERROR(run("Warmup iterations", warmups, false));
  }
  VIVACE_RETURN_IF_ERROR(run("Bench iterations", values.Integer("num-iters"), true));
  std::fputs(LatencyText(latencies).c_str(), stdout);
  return WriteResult("output-json", json_path, LatencyJson(latencies) + "\n");
}

}  // namespace vivace::cli
