// Results that come with the program, for machines that were at hand. A pure function.
#pragma once

#include <string_view>

#include "program/tuning_table.h"

namespace vivace::engine {

/// Those of this class of machines (HostClass), or an empty table of it.
program::TuningTable ShippedTuning(std::string_view host);

}  // namespace vivace::engine
