#include "cli/levels_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cli/options_page.h"
#include "engine/option_list.h"

namespace vivace::cli {

std::string LevelsTable() {
  constexpr int kLevels = 4;
  std::string out = "| option | `-O0` | `-O1` | `-O2` | `-O3` |\n|---|---|---|---|---|\n";
  for (const base::OptionRow& row : engine::AllOptions()) {
    if (row.by_level.empty()) continue;
    out += fmt::format("| `{}` |", TypedOption(row));
    std::string_view rest = row.by_level;
    for (int level = 0; level < kLevels; ++level) {
      const std::string_view part = rest.substr(0, rest.find('|'));
      out += fmt::format(" {} |", part);
      if (part.size() < rest.size()) rest.remove_prefix(part.size() + 1);  // the last part stays
    }
    out += '\n';
  }
  return out;
}

}  // namespace vivace::cli
