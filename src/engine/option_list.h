// The one list of options: the rows of every part, joined. Command line, environment, --help, the reference
// page and Options come from it. Immutable; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/option_row.h"
#include "vivace/status.h"

namespace vivace::engine {

/// Every option, in the order in which --help shows them.
std::span<const base::OptionRow> AllOptions();
/// Index into AllOptions; _ and - are alike.
std::optional<std::size_t> FindOption(std::string_view name);
/// Index into AllOptions by the short form, as "tp" or "cc".
std::optional<std::size_t> FindShortForm(std::string_view name);
/// kInvalidArgument for a name that no option has; names the nearest one.
Status UnknownOption(std::string_view name);

/// The text as it is kept ("4k" becomes "4000", a flag "true" or "false"). kInvalidArgument names the flag,
/// the value and what would be right.
Result<std::string> NormaliseOption(const base::OptionRow& row, std::string_view text);

/// $HOME, or nothing when it is not set.
std::string HomeFolder();
/// Vivace's folder in $XDG_CACHE_HOME or $HOME/.cache; nothing when neither is set, or when the environment
/// says that there is to be no cache (also to those who never read their options from it).
std::string DefaultCacheRoot();

// The parts of the list.
std::span<const base::OptionRow> ModelOptionRows();
std::span<const base::OptionRow> CompileOptionRows();
std::span<const base::OptionRow> CompilationKeyRows();
std::span<const base::OptionRow> ArtifactOptionRows();
std::span<const base::OptionRow> TunerOptionRows();
std::span<const base::OptionRow> StartOptionRows();
std::span<const base::OptionRow> SamplingOptionRows();
std::span<const base::OptionRow> ServeOptionRows();

}  // namespace vivace::engine
