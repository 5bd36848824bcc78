// The benchmarks: each prints its figures to the standard output and draws a progress bar on a terminal.
#pragma once

#include "cli/command_line.h"
#include "vivace/status.h"

namespace vivace::cli {

/// The benchmark that the invocation names.
Status RunBench(const Invocation& invocation);

Status RunBenchLatency(const Invocation& invocation);
Status RunBenchThroughput(const Invocation& invocation);
Status RunBenchStartup(const Invocation& invocation);
Status RunBenchServe(const Invocation& invocation);
Status RunBenchLevels(const Invocation& invocation);

}  // namespace vivace::cli
