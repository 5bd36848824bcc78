// `vivace bench startup`: cold starts (an empty cache each time) and warm ones, each in a process of its own.
#include <fmt/format.h>

#include <cstdio>

#include "base/status_macros.h"
#include "cli/bench.h"
#include "cli/bench_startup_text.h"
#include "cli/engine_child.h"
#include "cli/progress_bar.h"
#include "cli/result_file.h"

namespace vivace::cli {
namespace {

/// Starts the engine in a child with that folder as its cache; its times go to `starts` when there is one.
Status StartOnce(const Invocation& invocation, const std::string& cache, StartTimes* starts) {
  const std::string more[] = {"--cache-dir=" + cache};
  VIVACE_ASSIGN_OR_RETURN(const auto child, EngineChild::Start(invocation, "startup", more));
  if (starts == nullptr) return Status::Ok();
  starts->total_s.push_back(child->start_s());
  starts->compile_s.push_back(child->Value("compile"));
  starts->pack_s.push_back(child->Value("pack"));
  starts->tune_s.push_back(child->Value("tune"));
  return Status::Ok();
}

}  // namespace

Status RunBenchStartup(const Invocation& invocation) {
  const RowValues& values = invocation.bench;
  if (values.Flag("child")) return RunEngineChild(invocation.options);
  const std::string json_path = values.Text("output-json");
  VIVACE_RETURN_IF_ERROR(CheckWritable("output-json", json_path));
  VIVACE_ASSIGN_OR_RETURN(const ScratchFolder folder, ScratchFolder::Make());
  std::FILE* const bar_file = ProgressFile(values.Flag("disable-tqdm"));
  StartupResults results;
  const auto run = [&](std::string_view title, const char* option, bool is_cold,
                       StartTimes* starts) -> Status {
    const std::int64_t iterations = values.Integer(option);
    ProgressBar bar(bar_file, title, iterations);
    for (std::int64_t i = 0; i < iterations; ++i) {
      const std::string cache =
          is_cold ? fmt::format("{}/cold{}", folder.path(), i) : folder.path() + "/warm";
      VIVACE_RETURN_IF_ERROR(StartOnce(invocation, cache, starts));
      bar.Advance();
    }
    return Status::Ok();
  };
  VIVACE_RETURN_IF_ERROR(run("Cold startup iterations", "num-iters-cold", true, &results.cold));
  VIVACE_RETURN_IF_ERROR(run("Warmup iterations", "num-iters-warmup", false, nullptr));
  VIVACE_RETURN_IF_ERROR(run("Warm startup iterations", "num-iters-warm", false, &results.warm));
  std::fputs(StartupText(results).c_str(), stdout);
  return WriteResult("output-json", json_path, StartupJson(results) + "\n");
}

}  // namespace vivace::cli
