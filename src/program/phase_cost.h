// What a phase must move and compute at least, from its facts alone: what `vivace explain` holds its time
// against. Pure functions on plain values.
#pragma once

#include <cstdint>
#include <optional>

#include "codegen/machine_loops.h"
#include "program/program.h"

namespace vivace::program {

/// A step of sequences that are alike: each adds `rows` tokens behind `context` tokens that are in the cache.
struct StepShape {
  int sequences = 1;
  int rows = 1;        // tokens of each sequence
  int context = 0;     // of each sequence, before the step
  int logit_rows = 1;  // of the whole step

  constexpr std::int64_t all_rows() const { return std::int64_t{sequences} * rows; }
};

/// Bytes and multiply-accumulates of one run of a phase.
struct PhaseCost {
  std::int64_t weight_bytes =
      0;  // each weight once, as it lies in memory; of tables only the rows that are taken
  std::int64_t kv_bytes = 0;  // K and V of the positions that are seen, each once; and those that are written
  std::int64_t activation_bytes = 0;  // rows that are read and written, without padding between rows
  // Multiply-accumulates of contractions and attention as the instruction counts them: rows of two planes
  // take two for each weight. Norms, gates and the like count none.
  std::int64_t operations = 0;
  std::optional<codegen::RegisterLoop>
      arithmetic;  // the instruction of the operations; none without operations
};

/// The cost of `phase` in `layer`, whose body has it.
PhaseCost CostOf(const Program& program, const Layer& layer, const Phase& phase, const StepShape& step);

/// True for kinds that run on portable kernels, without machine code of their own.
bool IsPortable(const Phase& phase);

/// Positions that all rows of a sequence see together: each row its own and those before, at most `window`
/// (0: all).
std::int64_t SeenPositions(const StepShape& step, int window);

}  // namespace vivace::program
