// What measuring found out about phases on a class of machines: for a shape and a number of rows, the tile
// plan that ran fastest. Changes the speed of a program and none of its bits. A plain value with a text form
// of one line a result, which may come from any file: all numbers are bounded. Thread safety: as a vector.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/panel.h"
#include "program/program.h"
#include "vivace/status.h"

namespace vivace::program {

/// Which phases a result is of: alike on every model.
struct TuningKey {
  tensor::WeightClass type{};
  tensor::ActivationType activation = tensor::ActivationType::kU8Group32;
  int n = 0, k = 0;                   // columns of all parts together, width of the input rows
  int first_rows = 1, last_rows = 1;  // token rows of the steps, both included
  int threads = 1;

  bool operator==(const TuningKey&) const = default;
};

/// True for the kinds of phases that have plans.
bool IsTunable(const Phase& phase);
/// Of a tunable phase.
TuningKey KeyOf(const Phase& phase, int first_rows, int last_rows, int threads);

struct TuningResult {
  TuningKey key;
  kernels::TilePlan plan{};
  int rounds = 0;  // of the search; 0: it was left out for want of time, the plan is the default
  /// Microseconds of all these phases of a step, by the default plan and by this one; equal for the default.
  double default_us = 0, chosen_us = 0;
};

class TuningTable {
 public:
  /// Results beyond these are dropped, the oldest first.
  static constexpr std::size_t kMostResults = 4096;
  static constexpr int kMostRows = 1 << 20, kMostThreads = 4096, kMostUnits = 1 << 16, kMostRounds = 1000;

  /// Null: nothing is known of it.
  const TuningResult* Find(const TuningKey& key) const;
  /// Takes the place of a result with the same key.
  void Set(const TuningResult& result);
  const std::vector<TuningResult>& results() const { return results_; }
  bool empty() const { return results_.empty(); }

  /// A machine's class, in words, on the text's second line; empty: no such line.
  std::string host;

 private:
  std::vector<TuningResult> results_;
};

/// "vivace tuning 1", "host WORDS", then lines like
///   panel_gemm q4_1 u8g32 n 960 k 576 rows 1 1 threads 2 plan 1 0 2 rounds 4 us 103.5 99.1
/// with the plan as direct_rows, expand, task_units and the times as default_us, chosen_us.
std::string Print(const TuningTable& table);
/// kInvalidArgument names the line and what is wrong with it.
Result<TuningTable> ParseTuning(std::string_view text);

}  // namespace vivace::program
