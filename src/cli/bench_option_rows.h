// Options of the benchmarks. Plain data.
#pragma once

#include <span>

#include "base/option_row.h"

namespace vivace::cli {

/// Rows of all benchmarks; the scope says which of them takes a row, and a name may stand once for each.
std::span<const base::OptionRow> BenchOptionRows();

}  // namespace vivace::cli
