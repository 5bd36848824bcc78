// Ctrl-C as a call on a thread of its own, instead of a signal handler with global state. Make it before any
// other thread, so that all of them leave SIGINT to it.
#pragma once

#include <functional>
#include <thread>

namespace vivace::cli {

class InterruptWatcher {
 public:
  /// Blocks SIGINT in the calling thread and those it starts; calls back for each one, on its own thread.
  explicit InterruptWatcher(std::function<void()> on_interrupt);
  ~InterruptWatcher();
  InterruptWatcher(const InterruptWatcher&) = delete;
  InterruptWatcher& operator=(const InterruptWatcher&) = delete;

 private:
  std::thread thread_;
};

/// Leaves the process at once with the status that shells give for Ctrl-C.
[[noreturn]] void ExitInterrupted();

}  // namespace vivace::cli
