// How `vivace config` prints resolved options, and the difference between two of them. Free functions on
// values.
#pragma once

#include <string>
#include <vector>

#include "vivace/options.h"

namespace vivace::cli {

/// One aligned line an option: key, value, origin; then what steps look like, and the notes.
std::string ConfigText(const ResolvedOptions& options);
/// {"options": {KEY: {"value", "origin", ...}}, ...} on one line. Keys are as for ConfigText.
std::string ConfigJson(const ResolvedOptions& options);

/// Only the options that differ in value, each with both sides; "" when there are none. `names`: of the
/// sides.
std::string DiffText(const ResolvedOptions& before, const ResolvedOptions& after,
                     const std::vector<std::string>& names);
std::string DiffJson(const ResolvedOptions& before, const ResolvedOptions& after);

}  // namespace vivace::cli
