#include "cli/bench.h"

#include "cli/interrupt_watcher.h"

namespace vivace::cli {

Status RunBench(const Invocation& invocation) {
  const InterruptWatcher watcher(ExitInterrupted);
  switch (invocation.command) {
    case Command::kBenchLatency:
      return RunBenchLatency(invocation);
    case Command::kBenchThroughput:
      return RunBenchThroughput(invocation);
    case Command::kBenchStartup:
      return RunBenchStartup(invocation);
    case Command::kBenchServe:
      return RunBenchServe(invocation);
    case Command::kBenchLevels:
      return RunBenchLevels(invocation);
    default:
      return Internal("no benchmark of that name");
  }
}

}  // namespace vivace::cli
