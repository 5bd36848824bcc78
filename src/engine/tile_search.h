// Finds faster tile plans by measuring: runs real steps of a loaded model with one candidate after another
// and compares each phase with the default plan's runs before and behind it, so that a change of the clock
// falls on both. Weights are cold by themselves, because a step reads those of all layers. Changes the speed
// of steps and no bit. Thread safety: one thread, worker 0 of the executor's team; no other step may run.
#pragma once

#include "codegen/target.h"
#include "program/program.h"
#include "program/tuning_table.h"
#include "runtime/executor.h"

namespace vivace::engine {

struct SearchLimits {
  double seconds = 0;  // of all; 0: as long as it takes
  int rounds = 4;
  bool all = false;      // every legal candidate; else a few
  int least_rounds = 1;  // stored results of fewer rounds are measured again; 0 rounds: left out before
};

/// What the steps of this engine may be like.
struct StepLimits {
  int max_rows = 1;
  int max_sequences = 1;
  int max_positions = 1;  // of a sequence
};

struct SearchOutcome {
  int shapes = 0;  // shapes and numbers of rows that were measured
  int better = 0;  // of them, those with another plan than the default
  int left = 0;    // those that there was no time for
  double seconds = 0;
};

/// Measures what `table` has no result of, for every specialisation of the program, exact sizes first. The
/// results go to the table, the plans to the program and the executor. KV cache blocks from 0 on are written.
SearchOutcome SearchTiles(runtime::Executor& executor, program::Program& program, int threads,
                          const StepLimits& steps, const SearchLimits& limits, program::TuningTable& table);

}  // namespace vivace::engine
