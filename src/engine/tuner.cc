#include "engine/tuner.h"

#include <fmt/format.h>

#include "base/cpu_features.h"
#include "engine/option_list.h"
#include "engine/shipped_tuning.h"

namespace vivace::engine {
namespace {

constexpr std::string_view kSwitch = "kernel-config.enable-flashinfer-autotune";
constexpr std::string_view kSearch = "tuning-search";
constexpr double kSearchSeconds = 0.9;  // of a second: the last step that began may end behind it
constexpr int kRounds = 4;

bool IsExplicit(const Options& options, std::string_view name) {
  return options.Origin(name) > OptionOrigin::kLevel;
}

std::string FolderOf(const Options& options) {
  if (options.Flag("no-cache")) return "";
  std::string root = options.Text("cache-root");
  if (root.empty()) root = DefaultCacheRoot();
  return root.empty() ? "" : root + "/tuning";
}

SearchLimits LimitsOf(TuningMode mode) {
  if (mode == TuningMode::kExhaustive) return {.seconds = 0, .rounds = kRounds, .all = true};
  // What one start had no time for the next does not look for again: a warm start is a fast one.
  return {.seconds = kSearchSeconds, .rounds = kRounds, .all = false, .least_rounds = 0};
}

}  // namespace

TunerConfig ResolveTuner(const Options& options, bool compiles, std::vector<std::string>& notes) {
  TunerConfig config;
  config.folder = FolderOf(options);
  const bool is_explicit = IsExplicit(options, kSwitch);
  if (!options.Flag(kSwitch)) return config;
  if (!compiles) {
    if (is_explicit) notes.push_back("enable_flashinfer_autotune has no effect: nothing is compiled");
    return config;
  }
  const std::string& search = options.Text(kSearch);
  const bool asks_for_search = is_explicit && !IsExplicit(options, kSearch);
  config.mode = search == "exhaustive"                   ? TuningMode::kExhaustive
                : search == "bounded" || asks_for_search ? TuningMode::kSearch
                                                         : TuningMode::kStored;
  return config;
}

Tuner::Tuner(const TunerConfig& config, const codegen::Target& target)
    : config_(config), store_(config.folder, HostClass(base::DetectCpuFeatures(), target)) {}

const program::TuningTable& Tuner::Stored(std::string& note) {
  if (config_.mode == TuningMode::kOff) return table_;
  table_ = ShippedTuning(store_.host());
  const auto stored = store_.Load();
  if (!stored.ok()) {
    note = stored.status().message();
    return table_;
  }
  for (const program::TuningResult& result : stored->results()) table_.Set(result);
  return table_;
}

void Tuner::Add(std::string_view text, std::string& note) {
  if (config_.mode == TuningMode::kOff) return;
  const auto parsed = program::ParseTuning(text);
  if (!parsed.ok()) {
    note = "tuning results of the artifact are not used: " + parsed.status().message();
    return;
  }
  if (parsed->host != store_.host()) return;  // an artifact may be carried to machines that tune differently
  for (const program::TuningResult& result : parsed->results()) {
    const program::TuningResult* const known = table_.Find(result.key);
    if (known == nullptr || known->rounds < result.rounds) table_.Set(result);
  }
}

std::string Tuner::TextFor(const program::Program& program, int threads) const {
  program::TuningTable table;
  table.host = store_.host();
  for (const program::Specialisation& one : program.specialisations) {
    for (const program::Body& body : program.bodies) {
      for (const program::Phase& phase : body.phases) {
        if (!program::IsTunable(phase)) continue;
        const auto* known = table_.Find(program::KeyOf(phase, one.first_rows, one.last_rows, threads));
        if (known != nullptr) table.Set(*known);
      }
    }
  }
  return table.empty() ? "" : program::Print(table);
}

std::string Tuner::Tune(runtime::Executor& executor, program::Program& program, int threads,
                        const StepLimits& steps) {
  if (config_.mode == TuningMode::kOff || config_.mode == TuningMode::kStored) return "";
  return Tune(executor, program, threads, steps, LimitsOf(config_.mode));
}

std::string Tuner::Tune(runtime::Executor& executor, program::Program& program, int threads,
                        const StepLimits& steps, const SearchLimits& limits) {
  if (program.library == nullptr || program.specialisations.empty()) return "";
  outcome_ = SearchTiles(executor, program, threads, steps, limits, table_);
  if (outcome_.shapes + outcome_.left == 0) return "all shapes were tuned before";
  std::string line = fmt::format("{} shapes measured, {} with another plan than the default", outcome_.shapes,
                                 outcome_.better);
  if (outcome_.left > 0)
    line += fmt::format(", {} left out for want of time (-O3 measures all)", outcome_.left);
  const Status saved = store_.Save(table_);
  if (!saved.ok()) return line + "; " + saved.message();
  return line + (store_.path().empty() ? "; not kept: there is no cache" : "; kept in " + store_.path());
}

}  // namespace vivace::engine
