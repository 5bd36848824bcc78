#include "engine/plan_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace vivace::engine {
namespace {

struct Row {
  std::size_t rows = 0, kind = 0;
  std::int64_t count = 0;
};

}  // namespace

std::vector<std::string> PlanCounts::Take() {
  std::vector<Row> rows;
  for (std::size_t size = 0; size < counts_.size(); ++size) {
    for (std::size_t kind = 0; kind < counts_[size].size(); ++kind) {
      if (counts_[size][kind] > 0) rows.push_back({size, kind, counts_[size][kind]});
    }
    counts_[size] = {};
  }
  if (rows.empty()) return {};
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.count > b.count; });
  std::vector<std::string> lines = {
      "| Unpadded Tokens | Padded Tokens | Num Paddings | Runtime Mode | Count |",
      "|-----------------|---------------|--------------|--------------|-------|"};
  for (const Row& row : rows) {
    const auto kind = static_cast<runtime::PlanKind>(row.kind);
    const std::string_view mode = kind == runtime::PlanKind::kFull        ? "FULL"
                                  : kind == runtime::PlanKind::kPiecewise ? "PIECEWISE"
                                                                          : "NONE";
    lines.push_back(
        fmt::format("| {:<15} | {:<13} | {:<12} | {:<12} | {:<5} |", row.rows, row.rows, 0, mode, row.count));
  }
  return lines;
}

}  // namespace vivace::engine
