// `vivace bench levels`: what each level costs and gains, and whether a higher one is never slower. Every
// figure comes from a child process that runs one level.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "base/status_macros.h"
#include "cli/bench.h"
#include "cli/bench_levels_report.h"
#include "cli/engine_child.h"
#include "cli/progress_bar.h"
#include "cli/result_file.h"

namespace vivace::cli {
namespace {

constexpr int kColdStarts = 2, kWarmStarts = 3;
constexpr int kManySequences = 16;

double SecondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Measures one command line.
class LevelsBench {
 public:
  LevelsBench(const Invocation& invocation, const std::string& folder, std::FILE* bar_file)
      : invocation_(invocation), values_(invocation.bench), folder_(folder), bar_file_(bar_file) {}

  Result<LevelsReport> Run() {
    const double start = SecondsNow();
    report_.model = invocation_.options.Text("model");
    report_.bound = values_.Number("bound");
    {
      const std::vector<int> levels = Levels();
      ProgressBar bar(bar_file_, "Starts", static_cast<std::int64_t>(levels.size()));
      for (const int level : levels) {
        VIVACE_ASSIGN_OR_RETURN(LevelFigures figures, MeasureStarts(level));
        report_.levels.push_back(std::move(figures));
        bar.Advance();
      }
    }
    VIVACE_RETURN_IF_ERROR(MeasureSpeeds(values_.Number("max-seconds") - (SecondsNow() - start)));
    report_.seconds = SecondsNow() - start;
    return std::move(report_);
  }

 private:
  std::vector<int> Levels() const {
    std::vector<int> levels;
    for (const char c : values_.Text("levels")) {
      if (c >= '0' && c <= '3') levels.push_back(c - '0');
    }
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    return levels;
  }

  std::string CacheOf(int level) const { return fmt::format("{}/level{}", folder_, level); }
  Result<std::unique_ptr<EngineChild>> Start(int level) const {
    const std::string more[] = {fmt::format("-O{}", level), "--cache-root=" + CacheOf(level)};
    return EngineChild::Start(invocation_, "levels", more);
  }

  /// One whose speed is measured: it packs its weights into pages of its own. Those of an artifact stay in
  /// the page cache where they are, so that a level would have good or bad ones in every pair alike.
  Result<std::unique_ptr<LevelSource>> StartForSpeed(int level) const {
    const std::string more[] = {fmt::format("-O{}", level), "--cache-root=" + CacheOf(level),
                                "--cache-dir=" + folder_ + "/speeds", "--cache-max-bytes=1"};
    VIVACE_ASSIGN_OR_RETURN(std::unique_ptr<LevelSource> source,
                            EngineChild::Start(invocation_, "levels", more));
    return source;
  }

  Result<LevelFigures> MeasureStarts(int level) {
    LevelFigures figures;
    figures.level = level;
    for (int i = 0; i < kColdStarts; ++i) {
      std::error_code ignored;
      std::filesystem::remove_all(CacheOf(level), ignored);
      VIVACE_ASSIGN_OR_RETURN(auto process, Start(level));
      figures.cold_s.push_back(process->start_s());
      if (i > 0) continue;
      figures.running = static_cast<int>(process->Value("level"));
      figures.compile_s = process->Value("compile");
      figures.pack_s = process->Value("pack");
      figures.tune_s = process->Value("tune");
    }
    for (int i = 0; i < kWarmStarts; ++i) {
      VIVACE_ASSIGN_OR_RETURN(auto process, Start(level));
      figures.warm_s.push_back(process->start_s());
      VIVACE_ASSIGN_OR_RETURN(const double ignored, process->Ask("prefill 5"));
      figures.first_token_s.push_back(process->age_s());
      if (i + 1 == kWarmStarts) VIVACE_RETURN_IF_ERROR(Estimate(*process, figures));
      static_cast<void>(ignored);
    }
    return figures;
  }

  /// About how fast the level is, for the sizes of what is asked later; and its memory after that.
  Status Estimate(EngineChild& process, LevelFigures& figures) {
    const std::pair<std::string_view, std::string> questions[] = {
        {"prefill", "prefill 64"},
        {"decode", "decode 1 4"},
        {"decode16", fmt::format("decode {} 2", kManySequences)}};
    for (const auto& [name, text] : questions) {
      for (int i = 0; i < 2; ++i) {  // the first one warms up
        VIVACE_ASSIGN_OR_RETURN(const double rate, process.Ask(text));
        estimates_[{figures.level, std::string(name)}] = rate;
      }
    }
    VIVACE_ASSIGN_OR_RETURN(figures.memory_bytes, process.Ask("memory"));
    return Status::Ok();
  }

  double Estimated(int level, std::string_view name) const {
    return estimates_.at({level, std::string(name)});
  }

  /// Sizes by which one answer of the slower level takes about --turn-seconds.
  std::vector<SpeedQuestion> Questions(int lower, int higher) const {
    const double seconds = values_.Number("turn-seconds");
    const auto rate = [&](std::string_view name) {
      return std::min(Estimated(lower, name), Estimated(higher, name));
    };
    const int steps = std::clamp(static_cast<int>(rate("decode") * seconds), 3, 128);
    const int many_steps = std::clamp(static_cast<int>(rate("decode16") * seconds / kManySequences), 2, 64);
    return {{"prefill", fmt::format("prefill {}", report_.prefill_tokens)},
            {"decode", fmt::format("decode 1 {}", steps)},
            {"decode16", fmt::format("decode {} {}", kManySequences, many_steps)}};
  }

  Status MeasureSpeeds(double seconds) {
    PairPlan plan;
    for (std::size_t i = 0; i + 1 < report_.levels.size(); ++i)
      plan.pairs.emplace_back(report_.levels[i].level, report_.levels[i + 1].level);
    // The same prompts for all levels: a size that the fastest one does in a turn.
    const double fastest = Estimated(report_.levels.back().level, "prefill");
    report_.prefill_tokens =
        64 * std::clamp(static_cast<int>(fastest * values_.Number("turn-seconds") / 64 + 0.5), 1, 8);
    plan.questions = [this](int lower, int higher) { return Questions(lower, higher); };
    plan.turns = static_cast<int>(values_.Integer("turns"));
    plan.least_pairs = static_cast<int>(values_.Integer("least-pairs"));
    plan.bound = report_.bound;
    plan.seconds = std::max(1.0, seconds);
    std::mt19937 random(std::random_device{}());
    const double begin = SecondsNow();
    ProgressBar bar(bar_file_, "Pairs, seconds of at most",
                    static_cast<std::int64_t>(std::ceil(plan.seconds)));
    double shown = 0;
    VIVACE_ASSIGN_OR_RETURN(PairResults results,
                            MeasurePairs(
                                plan, [this](int level) { return StartForSpeed(level); }, SecondsNow,
                                [&] {
                                  const double now = std::floor(SecondsNow() - begin);
                                  bar.Advance(static_cast<std::int64_t>(now - shown));
                                  shown = now;
                                },
                                random));
    report_.ratios = std::move(results.ratios);
    for (const SpeedSample& sample : results.speeds) {
      for (LevelFigures& figures : report_.levels) {
        if (figures.level == sample.level) figures.speeds[sample.name].push_back(sample.tokens_per_s);
      }
    }
    return Status::Ok();
  }

  const Invocation& invocation_;
  const RowValues& values_;
  const std::string folder_;
  std::FILE* const bar_file_;
  LevelsReport report_;
  std::map<std::pair<int, std::string>, double> estimates_;  // tokens/s by level and name
};

}  // namespace

Status RunBenchLevels(const Invocation& invocation) {
  const RowValues& values = invocation.bench;
  if (values.Flag("child")) return RunEngineChild(invocation.options);
  for (const char* option : {"output-json", "plot"})
    VIVACE_RETURN_IF_ERROR(CheckWritable(option, values.Text(option)));
  VIVACE_ASSIGN_OR_RETURN(const ScratchFolder folder, ScratchFolder::Make());
  LevelsBench bench(invocation, folder.path(), ProgressFile(values.Flag("disable-tqdm")));
  VIVACE_ASSIGN_OR_RETURN(const LevelsReport report, bench.Run());
  std::fputs(LevelsText(report).c_str(), stdout);
  VIVACE_RETURN_IF_ERROR(WriteResult("output-json", values.Text("output-json"), LevelsJson(report) + "\n"));
  if (values.IsSet("plot"))
    VIVACE_RETURN_IF_ERROR(WriteResult("plot", values.Text("plot"), LevelsHtml(report)));
  if (ContractVerdict(report) != Verdict::kBroken) return Status::Ok();
  return Internal("a higher level is slower: see the table");
}

}  // namespace vivace::cli
