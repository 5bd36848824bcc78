#include "engine/option_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/nearest_name.h"

namespace vivace::engine {
namespace {

struct VllmOption {
  std::string_view name, short_form;
};
constexpr VllmOption kVllmOptions[] = {
#define VLLM_OPTION(name, short_form) {name, short_form},
#include "engine/vllm_options.def"
#undef VLLM_OPTION
};

}  // namespace

std::span<const base::OptionRow> AllOptions() {
  static const std::vector<base::OptionRow> rows = [] {
    std::vector<base::OptionRow> all;
    for (auto part : {ModelOptionRows(), CompileOptionRows(), CompilationKeyRows(), ArtifactOptionRows(),
                      TunerOptionRows(), SamplingOptionRows(), ServeOptionRows()}) {
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

std::optional<std::string_view> FindVllmOption(std::string_view name) {
  const std::string wanted = base::WithDashes(name);
  for (const VllmOption& option : kVllmOptions) {
    const bool negated = wanted.starts_with("no-") && std::string_view(wanted).substr(3) == option.name;
    if (option.name == wanted || negated || (!option.short_form.empty() && option.short_form == wanted)) {
      return option.name;
    }
  }
  return std::nullopt;
}

Status UnknownOption(std::string_view name) {
  const std::string wanted = base::WithDashes(name).substr(0, 64);
  const auto rows = AllOptions();
  if (const auto known = FindVllmOption(wanted)) {
    return InvalidArgument(
        fmt::format("--{} is an option of vLLM that Vivace does not have: leave it out", *known));
  }
  return InvalidArgument(
      fmt::format("unknown option --{}: did you mean --{}?", wanted, base::NearestName(wanted, rows)));
}

}  // namespace vivace::engine
