#include "engine/option_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/nearest_name.h"
#include "engine/vllm_flags.h"

namespace vivace::engine {

std::span<const base::OptionRow> AllOptions() {
  static const std::vector<base::OptionRow> rows = [] {
    std::vector<base::OptionRow> all;
    for (auto part : {ModelOptionRows(), CompileOptionRows(), CompilationKeyRows(), ArtifactOptionRows(),
                      TunerOptionRows(), StartOptionRows(), SamplingOptionRows(), ServeOptionRows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

std::optional<std::size_t> FindOption(std::string_view name) {
  const std::string wanted = base::WithDashes(name);
  const auto rows = AllOptions();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].name == wanted) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> FindShortForm(std::string_view name) {
  const auto rows = AllOptions();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!name.empty() && rows[i].short_form == name) return i;
  }
  return std::nullopt;
}

Status UnknownOption(std::string_view name) {
  const std::string wanted = base::WithDashes(name).substr(0, 64);
  struct Known {
    std::string_view name;
  };
  std::vector<Known> known;
  for (const base::OptionRow& row : AllOptions()) known.push_back({row.name});
  for (const VllmFlag& flag : VllmFlags()) known.push_back({flag.row.name});
  return InvalidArgument(
      fmt::format("unknown option --{}: did you mean --{}?", wanted, base::NearestName(wanted, known)));
}

}  // namespace vivace::engine
