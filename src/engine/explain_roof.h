// Measures the limits of the machine that `explain` compares phases with, on the workers that run the steps.
// Owns its memory and loops; the team must outlive it. Thread safety: one thread, the team's worker 0.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/worker_team.h"
#include "codegen/machine_loops.h"
#include "runtime/anonymous_memory.h"
#include "vivace/explain.h"
#include "vivace/status.h"

namespace vivace::engine {

/// Median; 0 of nothing.
double MedianOf(std::vector<double> values);

class RoofMeter {
 public:
  /// Reads `bytes` (of a step, put within 4 to 256 MiB) in a round. Where this CPU runs no machine code only
  /// the barrier is measured. kResourceExhausted: no memory.
  static Result<std::unique_ptr<RoofMeter>> Create(base::WorkerTeam& team, std::size_t bytes);

  /// Measures everything once: a few milliseconds. The first rounds try the variants of the plain read in
  /// turn, the others take the best of them.
  void Round();
  int rounds() const { return rounds_; }
  /// Medians of the rounds so far.
  MachineRoof Take() const;

 private:
  static constexpr std::size_t kReads = std::size(codegen::kReadVariants);
  static constexpr std::size_t kLoops = std::size(codegen::kRegisterLoops);

  explicit RoofMeter(base::WorkerTeam& team) : team_(team), ranges_(team.size()) {}
  std::size_t BestRead() const;
  double Read(std::size_t variant);
  double ReadCaches();
  double Barrier();

  base::WorkerTeam& team_;
  base::TaskRanges ranges_;
  std::unique_ptr<codegen::MachineLoops> loops_;  // null: no machine code here
  runtime::AnonymousMemory memory_;
  std::size_t bytes_ = 0;
  int rounds_ = 0;
  std::array<std::vector<double>, kReads> reads_;  // seconds
  std::array<std::vector<double>, kLoops> arithmetic_;
  std::vector<double> caches_, barriers_;
};

}  // namespace vivace::engine
