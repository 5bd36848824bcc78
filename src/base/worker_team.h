// A fixed team of worker threads that runs one function on every worker at once. The caller of Run is worker
// 0. Workers spin for a bounded time after a run and then park, so an idle team costs nothing. Where CPU time
// is rationed (WorkerPlacement), waits at barriers park soon, too: a quota is for work. Every worker runs
// with FTZ and DAZ set. Thread safety: Run from one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "base/cpu_placement.h"

namespace vivace::base {

/// Barrier of a fixed number of threads; spins, yields after a bound (cores may be shared), or parks there
/// where `parks` says so. Sense-reversing, reusable.
class SpinBarrier {
 public:
  explicit SpinBarrier(int threads, bool parks = false) : threads_(threads), parks_(parks) {}
  /// Returns when all threads have arrived. Memory written before is visible to all after.
  void Wait();

 private:
  const int threads_;
  const bool parks_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> generation_{0};
};

class WorkerTeam {
 public:
  /// workers >= 1, the calling thread counted. No thread is made for workers == 1. std::bad_alloc and
  /// std::system_error pass through: the system gave no memory or no thread, and none was left behind.
  explicit WorkerTeam(int workers);
  /// The same with every worker but the caller's kept on its CPU, where the placement names CPUs.
  explicit WorkerTeam(const WorkerPlacement& placement);
  ~WorkerTeam();
  WorkerTeam(const WorkerTeam&) = delete;
  WorkerTeam& operator=(const WorkerTeam&) = delete;

  int size() const { return size_; }
  SpinBarrier& barrier() { return barrier_; }

  /// Keeps the calling thread on worker 0's CPU, where the placement names CPUs: for a thread that lives to
  /// call Run. Threads that it makes later inherit that CPU.
  void PinCaller() const;

  /// Calls body(context, worker) for worker = 0 .. size()-1 concurrently, and returns when all have returned.
  /// No allocation. An exception of a body (memory that ran out) is thrown again here, when all have ended; a
  /// body that waits at the barrier must not throw.
  void Run(void (*body)(void* context, int worker), void* context);

  /// The same for a callable of (int worker).
  template <class Body>
  void Run(Body&& body) {
    Run([](void* context, int worker) { (*static_cast<std::remove_reference_t<Body>*>(context))(worker); },
        &body);
  }

 private:
  void WorkerLoop(int worker);
  void RunBody(int worker, void (*body)(void* context, int worker), void* context);
  void WaitForOthers();
  void Stop();
  void Pin(int worker) const;

  const int size_;
  const std::vector<int> cpus_;  // by worker, or empty
  const bool rationed_;
  SpinBarrier barrier_;
  void (*body_)(void*, int) = nullptr;
  void* context_ = nullptr;
  std::atomic<std::uint32_t> epoch_{0};
  std::atomic<int> running_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};  // whose exchange says who writes failure_; read when all have ended
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

/// Hands out the tasks 0..count-1 of one phase: each worker first takes its own contiguous share front to
/// back (streams stay sequential), then helps the others, so that a preempted worker does not stall the
/// phase. Which worker runs a task changes no bit.
class TaskRanges {
 public:
  explicit TaskRanges(int workers);
  /// Called by one worker between barriers, before any Take of the phase.
  void Reset(int count);
  /// The next task for this worker, or -1 when none is left.
  int Take(int worker);

 private:
  struct alignas(64) Share {
    std::atomic<int> next{0};
    int end = 0;
  };
  std::vector<Share> shares_;
};

}  // namespace vivace::base
