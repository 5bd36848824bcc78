// TuneModel: a search without a time limit on a loaded model, or a look at what is kept.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "compiler/specialise.h"
#include "engine/engine_config.h"
#include "engine/model_opening.h"
#include "engine/model_runner.h"
#include "engine/start_log.h"
#include "engine/stopwatch.h"
#include "engine/tuner.h"
#include "models/model_families.h"
#include "vivace/tuning.h"

namespace vivace {
namespace {

using kernels::TilePlan;

constexpr int kRounds = 6;

std::string PlanText(const TilePlan& plan) {
  const std::string units =
      plan.task_units == 0 ? "units of a task by rule" : fmt::format("{} units a task", plan.task_units);
  if (plan.direct_rows == 0) return "tiles by rule, " + units;
  return fmt::format("{} rows {}, {}", plan.direct_rows, plan.expand ? "expanded" : "direct", units);
}

TunedShape Describe(const program::Phase& phase, const program::TuningKey& key, const TilePlan& rule,
                    const program::TuningResult* found) {
  TunedShape shape;
  shape.label = phase.label;
  shape.weights = tensor::Row(key.type).name;
  shape.activations = tensor::Row(key.activation).name;
  shape.n = key.n, shape.k = key.k;
  shape.first_rows = key.first_rows, shape.last_rows = key.last_rows;
  shape.threads = key.threads;
  shape.plan = shape.default_plan = PlanText(rule);
  if (found == nullptr) return shape;
  shape.plan = PlanText(found->plan);
  shape.is_default = found->plan == rule;
  shape.rounds = found->rounds;
  shape.default_us = found->default_us, shape.chosen_us = found->chosen_us;
  return shape;
}

std::vector<TunedShape> ShapesOf(const program::Program& program, int threads, const codegen::Target& target,
                                 const program::TuningTable& table) {
  std::vector<TunedShape> shapes;
  std::vector<program::TuningKey> seen;
  for (const program::Specialisation& one : program.specialisations) {
    for (const program::Body& body : program.bodies) {
      for (const program::Phase& phase : body.phases) {
        if (!program::IsTunable(phase)) continue;
        const auto key = program::KeyOf(phase, one.first_rows, one.last_rows, threads);
        if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
        seen.push_back(key);
        const TilePlan rule = compiler::DefaultPlan(phase, one.first_rows, one.last_rows, threads, target);
        shapes.push_back(Describe(phase, key, rule, table.Find(key)));
      }
    }
  }
  const auto width = [](const TunedShape& shape) { return shape.last_rows - shape.first_rows; };
  std::stable_sort(shapes.begin(), shapes.end(), [&](const TunedShape& a, const TunedShape& b) {
    return std::pair(width(a), a.last_rows) < std::pair(width(b), b.last_rows);
  });
  return shapes;
}

/// The program as a start would compile it, without its weights.
Result<program::Program> CompileHeaders(const engine::EngineConfig& config, const Options& options) {
  VIVACE_ASSIGN_OR_RETURN(const auto file, engine::OpenModel(options, checkpoint::Contents::kHeaders));
  VIVACE_ASSIGN_OR_RETURN(const models::ModelConfig model, models::ReadConfig(*file));
  VIVACE_ASSIGN_OR_RETURN(const auto weights, models::ReadWeights(*file));
  VIVACE_ASSIGN_OR_RETURN(graph::Graph graph, models::BuildGraph(model, weights));
  return compiler::Compile(std::move(graph), config.compile.options);
}

void Summarise(const engine::Tuner& tuner, const program::Program& program,
               const engine::EngineConfig& config, TuningSummary& out) {
  out.file = tuner.store().path();
  out.host = tuner.store().host();
  const codegen::Target target = config.compile.options.target.value_or(codegen::HostTarget());
  out.shapes = ShapesOf(program, config.workers.workers, target, tuner.table());
}

}  // namespace

Result<TuningSummary> TuneModel(const Options& options, const TuneRequest& request) try {
  VIVACE_ASSIGN_OR_RETURN(engine::EngineConfig config, engine::ResolveConfig(options));
  engine::StartLog start{base::Log(config.log)};
  for (const std::string& note : config.notes) start.log().Warning(note);
  TuningSummary out;
  const engine::Stopwatch watch;
  config.tuner.mode = engine::TuningMode::kStored;  // what a start would search is searched here
  if (request.show) {
    engine::Tuner tuner(config.tuner, config.compile.options.target.value_or(codegen::HostTarget()));
    std::string note;
    tuner.Stored(note);
    VIVACE_ASSIGN_OR_RETURN(const program::Program program, CompileHeaders(config, options));
    Summarise(tuner, program, config, out);
    out.line = note.empty() ? "nothing was measured" : note;
    return out;
  }
  VIVACE_ASSIGN_OR_RETURN(const auto file, engine::OpenModel(options, checkpoint::Contents::kAll));
  VIVACE_ASSIGN_OR_RETURN(const auto runner, engine::ModelRunner::Create(*file, config, start));
  // Results of earlier searches are measured again.
  const engine::SearchLimits limits{.seconds = 0,
                                    .rounds = kRounds,
                                    .all = options.Text("tuning-search") == "exhaustive",
                                    .least_rounds = program::TuningTable::kMostRounds};
  out.line =
      runner->Retune({config.max_batched_tokens, config.max_num_seqs, runner->max_model_len()}, limits);
  out.seconds = watch.Seconds();
  if (out.line.empty()) out.line = "nothing to tune: no compile size or range has a plan of its own";
  Summarise(runner->tuner(), runner->program(), config, out);
  return out;
} catch (...) {
  return base::CaughtExhaustion("the model was tuned");
}

}  // namespace vivace
