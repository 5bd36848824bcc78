#include "cli/tune_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace vivace::cli {
namespace {

std::string RowsText(const TunedShape& shape) {
  return shape.first_rows == shape.last_rows ? fmt::format("{}", shape.last_rows)
                                             : fmt::format("{}-{}", shape.first_rows, shape.last_rows);
}

std::string Line(const TunedShape& shape) {
  const std::string times =
      shape.rounds == 0 ? fmt::format("{:>10} {:>10} {:>6}", "-", "-", "-")
                        : fmt::format("{:>10.1f} {:>10.1f} {:>6.3f}", shape.default_us, shape.chosen_us,
                                      shape.default_us / std::max(shape.chosen_us, 1e-3));
  return fmt::format("{:>9} {:<14} {:>6} x {:<6} {:<10} {:<7} {}  {}{}\n", RowsText(shape), shape.label,
                     shape.k, shape.n, shape.weights, shape.activations, times, shape.plan,
                     shape.is_default ? "" : " (default: " + shape.default_plan + ")");
}

}  // namespace

std::string TuneText(const TuningSummary& summary) {
  std::string out =
      fmt::format("{:>9} {:<14} {:>6} x {:<6} {:<10} {:<7} {:>10} {:>10} {:>6}  {}\n", "rows", "phase", "k",
                  "n", "weights", "by", "default us", "chosen us", "gain", "plan");
  for (const TunedShape& shape : summary.shapes) out += Line(shape);
  if (summary.seconds > 0) out += fmt::format("{:.1f} seconds: ", summary.seconds);
  out += summary.line + "\n";
  if (!summary.file.empty()) out += "results: " + summary.file + "\n";
  return out + "machines: " + summary.host + "\n";
}

}  // namespace vivace::cli
