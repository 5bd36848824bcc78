// ExplainModel: steps on the real program in turns with the machine's limits, medians of both.
#include "vivace/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/cpu_features.h"
#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "engine/engine_config.h"
#include "engine/explain_roof.h"
#include "engine/explain_step.h"
#include "engine/model_opening.h"
#include "engine/model_runner.h"
#include "engine/stopwatch.h"
#include "models/model_families.h"

namespace vivace {
namespace {

using engine::ExplainedStep;
using engine::ModelRunner;
using engine::PhaseRow;
using engine::RoofMeter;

constexpr int kPrefillTokens = 512;
constexpr int kWarmRounds = 2;
constexpr int kLeastRounds = 3, kMostRounds = 1001;
constexpr int kLeastRoofRounds = 15;
constexpr double kSecondsOfAStep = 1.0;
constexpr double kRoofShare = 0.25;  // of that time

/// The steps to run, longest context last; kInvalidArgument when one does not fit `limit` tokens.
Result<std::vector<int>> ChooseTokens(const ExplainRequest& request, int limit) {
  const std::int64_t room = std::int64_t{limit} - request.context;
  std::vector<int> tokens = request.tokens;
  if (tokens.empty()) {
    tokens.push_back(1);
    if (room > 1) tokens.push_back(static_cast<int>(std::min<std::int64_t>(kPrefillTokens, room)));
  }
  const int most = *std::max_element(tokens.begin(), tokens.end());
  if (most <= room) return tokens;
  return InvalidArgument(
      fmt::format("--context is {} and --tokens is {}: together they may be {} at most, the longest sequence "
                  "of this model "
                  "(see --max-model-len)",
                  request.context, most, limit));
}

/// Room for exactly these steps.
void FitConfig(const ExplainRequest& request, const std::vector<int>& tokens, engine::EngineConfig& config) {
  const int most = *std::max_element(tokens.begin(), tokens.end());
  config.max_model_len = request.context + most;
  config.fit_model_len = false;
  config.max_batched_tokens = std::max(config.max_batched_tokens, most);
  config.max_num_seqs = 1;
}

/// Runs one step until its rounds are done.
class StepTimer {
 public:
  StepTimer(ModelRunner& runner, RoofMeter& meter, const ExplainedStep& step)
      : runner_(runner), meter_(meter), step_(step), now_(runner.executor().phase_count()) {}

  void Run(int rounds) {
    for (int i = 0; i < kWarmRounds; ++i) runner_.Run(step_.view());
    const engine::Stopwatch all;
    double roof_seconds = 0;
    const auto more = [&](int done) {
      if (rounds > 0) return done < rounds;
      return done < kLeastRounds || (done < kMostRounds && all.Seconds() < kSecondsOfAStep);
    };
    for (int round = 0; more(round); ++round) {
      RunOnce();
      const engine::Stopwatch watch;
      if (roof_seconds <= kRoofShare * all.Seconds()) meter_.Round();
      roof_seconds += watch.Seconds();
    }
    while (meter_.rounds() < kLeastRoofRounds) meter_.Round();
  }

  int rounds() const { return static_cast<int>(steps_.size()); }
  double spread() const {
    std::vector<double> sorted = steps_;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() * 3 / 4] / sorted[sorted.size() / 4];
  }
  double step_seconds() const { return engine::MedianOf(steps_); }
  double phase_seconds(std::size_t place) const {
    std::vector<double> times;
    for (std::size_t i = place; i < phases_.size(); i += now_.size()) times.push_back(phases_[i]);
    return engine::MedianOf(std::move(times));
  }

 private:
  void RunOnce() {
    const engine::Stopwatch watch;
    runner_.executor().RunTimed(step_.view(), now_);
    steps_.push_back(watch.Seconds());
    phases_.insert(phases_.end(), now_.begin(), now_.end());
  }

  ModelRunner& runner_;
  RoofMeter& meter_;
  const ExplainedStep& step_;
  std::vector<double> now_;     // [phases]
  std::vector<double> phases_;  // [rounds][phases]
  std::vector<double> steps_;   // [rounds]
};

Result<StepExplanation> ExplainStep(ModelRunner& runner, int tokens, const ExplainRequest& request) {
  const ExplainedStep step(tokens, request.context, runner.vocabulary());
  std::vector<PhaseRow> rows = engine::PhaseRows(runner.program(), step.shape());
  VIVACE_ASSIGN_OR_RETURN(
      const auto meter, RoofMeter::Create(runner.team(), static_cast<std::size_t>(engine::StepBytes(rows))));
  StepTimer timer(runner, *meter, step);
  timer.Run(request.rounds);
  StepExplanation out;
  out.name = tokens == 1 ? "decode" : "prefill";
  out.tokens = tokens;
  out.context = request.context;
  out.rounds = timer.rounds();
  out.seconds = timer.step_seconds();
  out.spread = timer.spread();
  for (PhaseRow& row : rows) {
    for (const std::size_t place : row.places) row.facts.seconds += timer.phase_seconds(place);
    out.phases.push_back(std::move(row.facts));
  }
  engine::HoldAgainst(meter->Take(), out);
  return out;
}

}  // namespace

std::string_view Name(PhaseBound bound) {
  constexpr std::string_view kNames[] = {"memory", "arithmetic", "latency", "overhead", "unknown"};
  return kNames[static_cast<std::size_t>(bound)];
}

Result<Explanation> ExplainModel(const Options& options, const ExplainRequest& request) try {
  VIVACE_ASSIGN_OR_RETURN(engine::EngineConfig config, engine::ResolveConfig(options));
  engine::StartLog start{base::Log(config.log)};
  VIVACE_ASSIGN_OR_RETURN(const auto file, engine::OpenModel(options, checkpoint::Contents::kAll));
  VIVACE_ASSIGN_OR_RETURN(const models::ModelConfig model, models::ReadConfig(*file));
  const int limit = std::min(config.max_model_len.value_or(model.max_positions), model.max_positions);
  VIVACE_ASSIGN_OR_RETURN(const std::vector<int> tokens, ChooseTokens(request, limit));
  FitConfig(request, tokens, config);
  for (const std::string& note : config.notes) start.log().Warning(note);
  VIVACE_ASSIGN_OR_RETURN(const auto runner, ModelRunner::Create(*file, config, start));
  engine::FillCache(runner->executor(), request.context);
  Explanation out;
  out.model = config.model;
  out.level = runner->level();
  out.threads = runner->team().size();
  const base::CpuFeatures cpu = base::DetectCpuFeatures();
  out.cpu = cpu.model.empty() ? cpu.vendor : cpu.model;
  const codegen::KernelLibrary* const library = runner->program().library.get();
  out.target = library == nullptr ? "none" : library->target().name;
  for (const int count : tokens) {
    VIVACE_ASSIGN_OR_RETURN(StepExplanation step, ExplainStep(*runner, count, request));
    out.steps.push_back(std::move(step));
  }
  return out;
} catch (...) {
  return base::CaughtExhaustion("the model was explained");
}

}  // namespace vivace
