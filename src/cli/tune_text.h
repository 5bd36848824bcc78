// How `vivace tune` prints what it found. A pure function.
#pragma once

#include <string>

#include "vivace/tuning.h"

namespace vivace::cli {

/// A table with a line a shape: rows, phase, shape, types, chosen plan, and both times where they were
/// measured; then where the results are and for which machines.
std::string TuneText(const TuningSummary& summary);

}  // namespace vivace::cli
