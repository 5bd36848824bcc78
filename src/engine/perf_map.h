// The names of generated kernels for perf. Stateless.
#pragma once

#include <string>
#include <string_view>

#include "vivace/status.h"

namespace vivace::engine {

/// Where perf looks for the names of code that this process made.
std::string PerfMapPath();

/// Appends the lines ("start size name") to PerfMapPath(), as a process may have several models. Does not
/// follow a link there. kUnsupported, with the path and the reason, when it cannot be written.
Status AppendPerfMap(std::string_view lines);

}  // namespace vivace::engine
