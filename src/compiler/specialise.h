// How phases are tiled for numbers of rows that are known before a step: exact sizes and ranges.
#pragma once

#include <vector>

#include "codegen/target.h"
#include "compiler/compiler.h"
#include "program/program.h"

namespace vivace::compiler {

/// The sizes that a compile of these options plans for: those given, ascending and each once, else the
/// level's.
std::vector<int> CompileSizes(const CompileOptions& options);

/// The plan of a tunable phase for steps of first to last rows where nothing was measured.
kernels::TilePlan DefaultPlan(const program::Phase& phase, int first, int last, int threads,
                              const codegen::Target& target);

/// Fills program.specialisations: ranges in ascending order, then exact sizes. Any of them, and none, gives
/// the same bits; so the plans may look at threads, target and what options.tuning has found. Plans that were
/// there are replaced. The microseconds that each took.
std::vector<double> Specialise(program::Program& program, const CompileOptions& options,
                               const codegen::Target& target);

}  // namespace vivace::compiler
