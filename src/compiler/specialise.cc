#include "compiler/specialise.h"

#include <algorithm>
#include <variant>

#include "kernels/panel.h"

namespace vivace::compiler {
namespace {

/// Decode steps of few sequences, where the plan of the general shape is furthest from the best.
constexpr int kLevel2Sizes[] = {1, 2, 4, 8, 16};

program::Specialisation PlanFor(const program::Program& program, int first, int last, int threads,
                                const codegen::Target& target) {
  program::Specialisation specialisation{first, last, {}};
  for (const program::Body& body : program.bodies) {
    std::vector<kernels::TilePlan>& plans = specialisation.plans.emplace_back();
    for (const program::Phase& phase : body.phases) {
      const auto* spec = std::get_if<kernels::PanelGemmSpec>(&phase.spec);
      plans.push_back(spec == nullptr ? kernels::TilePlan()
                                      : kernels::PlanTiles(*spec, last, threads, target));
    }
  }
  return specialisation;
}

}  // namespace

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

void Specialise(program::Program& program, const CompileOptions& options, const codegen::Target& target) {
  const auto add = [&](int first, int last) {
    program.specialisations.push_back(PlanFor(program, first, last, options.threads, target));
  };
  int first = 1;
  for (const int end : options.compile_ranges_endpoints) {
    add(first, end);
    first = end + 1;
  }
  for (const int size : CompileSizes(options)) add(size, size);
}

}  // namespace vivace::compiler
