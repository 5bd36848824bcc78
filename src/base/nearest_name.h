// Names as people type them: dashes for underscores, and the known name that is nearest to a mistyped one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vivace::base {

/// _ becomes -.
std::string WithDashes(std::string_view name);

/// Insertions, deletions and replacements that turn a into b.
std::size_t EditDistance(std::string_view a, std::string_view b);

/// The `name` member of the row that is nearest to `typed`; the first of equals, empty without rows.
template <class Rows>
std::string_view NearestName(std::string_view typed, const Rows& rows) {
  std::string_view nearest;
  std::size_t best = static_cast<std::size_t>(-1);
  for (const auto& row : rows) {
    const std::size_t distance = EditDistance(typed, row.name);
    if (distance >= best) continue;
    best = distance;
    nearest = row.name;
  }
  return nearest;
}

}  // namespace vivace::base
