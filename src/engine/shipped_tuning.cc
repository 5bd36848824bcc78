#include "engine/shipped_tuning.h"

#include <array>
#include <string>

namespace vivace::engine {
namespace {

/// Results in the text form of program/tuning_table.h for the classes whose words begin so.
struct ShippedRow {
  std::string_view host;
  std::string_view text;
};

// Empty where measuring found that the rules of tiles are best.
constexpr std::array<ShippedRow, 0> kShipped = {};

}  // namespace

program::TuningTable ShippedTuning(std::string_view host) {
  program::TuningTable table;
  for (const ShippedRow& row : kShipped) {
    if (!host.starts_with(row.host)) continue;
    if (auto parsed = program::ParseTuning(row.text); parsed.ok()) table = std::move(*parsed);
  }
  table.host = host;
  return table;
}

}  // namespace vivace::engine
