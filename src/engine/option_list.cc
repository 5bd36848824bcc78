#include "engine/option_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace vivace::engine {
namespace {

std::string WithDashes(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

// Insertions, deletions and replacements that turn a into b.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::span<const base::OptionRow> AllOptions() {
  static const std::vector<base::OptionRow> rows = [] {
    std::vector<base::OptionRow> all;
    for (auto part : {ModelOptionRows(), SamplingOptionRows(), ServeOptionRows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

std::optional<std::size_t> FindOption(std::string_view name) {
  const std::string wanted = WithDashes(name);
  const auto rows = AllOptions();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].name == wanted) return i;
  }
  return std::nullopt;
}

Status UnknownOption(std::string_view name) {
  const std::string wanted = WithDashes(name).substr(0, 64);
  const auto rows = AllOptions();
  const auto nearest = std::min_element(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    return EditDistance(wanted, a.name) < EditDistance(wanted, b.name);
  });
  return InvalidArgument(fmt::format("unknown option --{}: did you mean --{}?", wanted, nearest->name));
}

}  // namespace vivace::engine
