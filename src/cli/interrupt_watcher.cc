#include "cli/interrupt_watcher.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace vivace::cli {
namespace {

constexpr int kInterruptedStatus = 130;

/// SIGINT, and SIGUSR1 by which the destructor ends the wait.
sigset_t WatchedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);
  return signals;
}

}  // namespace

InterruptWatcher::InterruptWatcher(std::function<void()> on_interrupt) {
  const sigset_t signals = WatchedSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::thread([signals, on_interrupt = std::move(on_interrupt)] {
    int received = 0;
    while (sigwait(&signals, &received) == 0 && received == SIGINT) on_interrupt();
  });
}

InterruptWatcher::~InterruptWatcher() {
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
  const sigset_t signals = WatchedSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void ExitInterrupted() {
  ::_exit(kInterruptedStatus);
}

}  // namespace vivace::cli
