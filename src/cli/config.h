// `vivace config`: how the options come out, and how two command lines differ. Values; no state.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "vivace/status.h"

namespace vivace::cli {

/// The two command lines of `config [COMMON] --diff A B`, each complete ("config", COMMON, A).
struct ConfigDiff {
  std::vector<std::string> before, after;
  std::vector<std::string> names;  // what is particular to each side
};

/// Nothing when the arguments are no `config` with --diff. Behind --diff stand two texts with flags, or the
/// flags themselves, where the second side begins with the second -O. kInvalidArgument: there are no two
/// sides.
Result<std::optional<ConfigDiff>> ReadConfigDiff(std::span<const std::string> arguments);

/// The words of a command line as a shell would split it: at blanks, but not within quotes.
std::vector<std::string> SplitWords(std::string_view text);

/// Prints the table to the standard output.
Status RunConfig(const Invocation& invocation);
/// Prints the rows that differ; both have all their options.
Status RunConfigDiff(const ConfigDiff& diff, const Invocation& before, const Invocation& after);

}  // namespace vivace::cli
