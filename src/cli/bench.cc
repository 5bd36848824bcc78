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
    default:
      return Internal("no benchmark of that name");
  }
}

}  // namespace vivace::cli
