// How many steps of each size replayed a captured plan, for --cudagraph-metrics. One thread, the loop's;
// Count does not allocate.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/captured_plan.h"

namespace vivace::engine {

class PlanCounts {
 public:
  /// Steps have 1 .. max_rows tokens.
  explicit PlanCounts(int max_rows) : counts_(static_cast<std::size_t>(max_rows) + 1) {}

  void Count(int rows, runtime::PlanKind kind) {
    ++counts_[static_cast<std::size_t>(rows)][static_cast<std::size_t>(kind)];
  }
  /// vLLM's table, a line an entry: a header, a rule, then sizes by their counts. No step is padded here, so
  /// a size stands in both columns. Empty: there was no step since the last Take.
  std::vector<std::string> Take();

 private:
  std::vector<std::array<std::int64_t, 3>> counts_;  // [rows][PlanKind]
};

}  // namespace vivace::engine
