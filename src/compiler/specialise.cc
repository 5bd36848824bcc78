#include "compiler/specialise.h"

#include <algorithm>
#include <chrono>
#include <variant>

#include "kernels/panel.h"

namespace vivace::compiler {
namespace {

/// Decode steps of few sequences, where the plan of the general shape is furthest from the best.
constexpr int kLevel2Sizes[] = {1, 2, 4};

kernels::TilePlan PlanOf(const program::Phase& phase, int first, int last, const CompileOptions& options,
                         const codegen::Target& target) {
  const program::TuningResult* const tuned =
      options.tuning.Find(program::KeyOf(phase, first, last, options.threads));
  if (tuned == nullptr) return DefaultPlan(phase, first, last, options.threads, target);
  // The height of a tile is no one number for rows that differ from step to step.
  if (phase.logit_rows || first != last) return {.task_units = tuned->plan.task_units};
  return tuned->plan;
}

program::Specialisation PlanFor(const program::Program& program, int first, int last,
                                const CompileOptions& options, const codegen::Target& target) {
  program::Specialisation specialisation{first, last, {}};
  for (const program::Body& body : program.bodies) {
    std::vector<kernels::TilePlan>& plans = specialisation.plans.emplace_back();
    for (const program::Phase& phase : body.phases) {
      plans.push_back(program::IsTunable(phase) ? PlanOf(phase, first, last, options, target)
                                                : kernels::TilePlan());
    }
  }
  return specialisation;
}

}  // namespace

kernels::TilePlan DefaultPlan(const program::Phase& phase, int first, int last, int threads,
                              const codegen::Target& target) {
  // The rows of a phase that gathers are not those of the step.
  if (phase.logit_rows) return {};
  kernels::TilePlan plan =
      kernels::PlanTiles(std::get<kernels::PanelGemmSpec>(phase.spec), last, threads, target);
  if (first == last) return plan;
  // One height of tiles would be wrong for most rows of a range: the rules find each one's.
  return {.task_units = plan.task_units};
}

std::vector<int> CompileSizes(const CompileOptions& options) {
  std::vector<int> sizes;
  if (options.compile_sizes) {
    sizes = *options.compile_sizes;
  } else if (options.level >= 2) {
    sizes.assign(std::begin(kLevel2Sizes), std::end(kLevel2Sizes));
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

std::vector<double> Specialise(program::Program& program, const CompileOptions& options,
                               const codegen::Target& target) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> took_us;
  const auto add = [&](int first, int last) {
    const Clock::time_point start = Clock::now();
    program.specialisations.push_back(PlanFor(program, first, last, options, target));
    took_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  };
  program.specialisations.clear();
  int first = 1;
  for (const int end : options.compile_ranges_endpoints) {
    add(first, end);
    first = end + 1;
  }
  for (const int size : CompileSizes(options)) add(size, size);
  return took_us;
}

}  // namespace vivace::compiler
