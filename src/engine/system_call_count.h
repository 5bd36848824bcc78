// For tests: counts the system calls of a child process, of all its threads, step by step. The child is this
// process's own and traced from its first instruction on, so that no privilege is needed. The child runs at
// full speed between its system calls.
#pragma once

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <set>
#include <vector>

namespace vivace::engine {

/// The number of the step that the child is in, in memory that both processes see.
using SharedStep = std::atomic<int>;

/// Follows `child`, which has stopped itself, until it ends. calls[i] is how many system calls began while
/// the child was in step i; others are not counted. False: it did not exit with 0.
inline bool FollowChild(pid_t child, const SharedStep& step, std::vector<int>& calls) {
  int status = 0;
  std::set<pid_t> inside;  // threads between the two stops of a system call
  constexpr auto kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
  if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return false;
  if (::ptrace(PTRACE_SETOPTIONS, child, nullptr, static_cast<long>(kOptions)) != 0) return false;
  for (pid_t thread = child;;) {
    ::ptrace(PTRACE_SYSCALL, thread, nullptr, nullptr);
    do {
      thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0) return false;
      if (thread == child && !WIFSTOPPED(status)) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    } while (!WIFSTOPPED(status));
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    if (!inside.insert(thread).second) {
      inside.erase(thread);
      continue;
    }
    const int current = step.load(std::memory_order_relaxed);
    if (current >= 0 && current < static_cast<int>(calls.size())) ++calls[static_cast<std::size_t>(current)];
  }
}

/// Runs body(step) in a child, which sets `step` (-1 at first) to 0 .. steps-1 as it goes. Call it with no
/// other thread running. Empty: the child failed, or may not be traced.
template <class Body>
std::vector<int> SystemCallsBySteps(int steps, Body body) {
  void* memory =
      ::mmap(nullptr, sizeof(SharedStep), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {};
  SharedStep& step = *std::construct_at(static_cast<SharedStep*>(memory), -1);
  std::vector<int> calls(static_cast<std::size_t>(steps), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
    ::raise(SIGSTOP);
    body(step);
    ::_exit(0);
  }
  if (child < 0 || !FollowChild(child, step, calls)) calls.clear();
  ::munmap(memory, sizeof(SharedStep));
  return calls;
}

}  // namespace vivace::engine
