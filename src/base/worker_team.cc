#include "base/worker_team.h"

#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace vivace::base {
namespace {

// A wait at a barrier is a few microseconds when every worker has a core; then nothing yields. When workers
// share a core with each other or with somebody else, who spins keeps the one he waits for from running: with
// 20000 spins decode was 15 times slower beside two busy processes on two cores. 100, 1000 and 5000 differ by
// less than the noise, alone (330 tokens a second) and beside a busy process (150).
constexpr int kSpinsBeforeYield = 1000;
constexpr int kYieldsBeforePark = 2000;  // longer than the time between two steps
// Under a quota every cycle that is waited is one that cannot be worked, and yields give nothing back. The
// spins before a park take about as long as to park and be woken.
constexpr int kRationedYields = 0;
constexpr unsigned kFlushDenormals = 0x8040;  // FTZ and DAZ of MXCSR

void FlushDenormals() {
  _mm_setcsr(_mm_getcsr() | kFlushDenormals);
}

// Spins until ready(), yielding after a bound. Returns false when max_yields is reached first (negative:
// never).
template <class Ready>
bool SpinUntil(Ready ready, int max_yields) {
  for (int spins = 0, yields = 0;; ++spins) {
    if (ready()) return true;
    if (spins < kSpinsBeforeYield) {
      _mm_pause();
      continue;
    }
    if (max_yields >= 0 && ++yields > max_yields) return false;
    std::this_thread::yield();
  }
}

}  // namespace

void SpinBarrier::Wait() {
  if (threads_ == 1) return;
  const std::uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == threads_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    if (parks_) generation_.notify_all();
    return;
  }
  const auto open = [&] { return generation_.load(std::memory_order_acquire) != generation; };
  if (SpinUntil(open, parks_ ? kRationedYields : -1)) return;
  while (!open()) generation_.wait(generation, std::memory_order_acquire);
}

WorkerTeam::WorkerTeam(int workers) : WorkerTeam(WorkerPlacement{workers, {}}) {}

WorkerTeam::WorkerTeam(const WorkerPlacement& placement)
    : size_(std::max(placement.workers, 1)),
      cpus_(placement.cpus),
      rationed_(placement.rationed),
      barrier_(size_, rationed_) {
  try {
    threads_.reserve(static_cast<std::size_t>(size_ - 1));
    for (int worker = 1; worker < size_; ++worker) {
      threads_.emplace_back([this, worker] { WorkerLoop(worker); });
    }
  } catch (...) {  // a thread or memory was refused: those that run already must not outlive the team
    Stop();
    std::rethrow_exception(std::current_exception());
  }
}

WorkerTeam::~WorkerTeam() {
  Stop();
}

void WorkerTeam::Stop() {
  stopping_.store(true, std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerTeam::Run(void (*body)(void* context, int worker), void* context) {
  FlushDenormals();
  if (size_ > 1) {
    body_ = body;
    context_ = context;
    running_.store(size_ - 1, std::memory_order_relaxed);
    epoch_.fetch_add(1, std::memory_order_release);
    epoch_.notify_all();
  }
  RunBody(0, body, context);
  if (size_ > 1) WaitForOthers();
  if (failed_.load(std::memory_order_acquire)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

// The first exception is kept for the caller of Run.
void WorkerTeam::RunBody(int worker, void (*body)(void* context, int worker), void* context) {
  try {
    body(context, worker);
  } catch (...) {
    if (!failed_.exchange(true, std::memory_order_acq_rel)) failure_ = std::current_exception();
  }
}

void WorkerTeam::WaitForOthers() {
  const auto done = [this] { return running_.load(std::memory_order_acquire) == 0; };
  if (SpinUntil(done, rationed_ ? kRationedYields : -1)) return;
  for (int left = running_.load(std::memory_order_acquire); left > 0;
       left = running_.load(std::memory_order_acquire)) {
    running_.wait(left, std::memory_order_acquire);
  }
}

void WorkerTeam::PinCaller() const {
  Pin(0);
}

// A CPU that was taken away since the placement was checked leaves the thread where it is: that costs speed
// and nothing else.
void WorkerTeam::Pin(int worker) const {
  if (static_cast<std::size_t>(worker) >= cpus_.size()) return;
  const auto cpu = static_cast<std::size_t>(cpus_[static_cast<std::size_t>(worker)]);
  cpu_set_t* set = CPU_ALLOC(cpu + 1);
  if (set == nullptr) return;
  const std::size_t bytes = CPU_ALLOC_SIZE(cpu + 1);
  CPU_ZERO_S(bytes, set);
  CPU_SET_S(cpu, bytes, set);
  ::sched_setaffinity(0, bytes, set);
  CPU_FREE(set);
}

void WorkerTeam::WorkerLoop(int worker) {
  Pin(worker);
  FlushDenormals();
  std::uint32_t seen = 0;
  while (true) {
    const auto changed = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
    if (!SpinUntil(changed, rationed_ ? kRationedYields : kYieldsBeforePark))
      epoch_.wait(seen, std::memory_order_acquire);
    if (!changed()) continue;
    ++seen;
    if (stopping_.load(std::memory_order_acquire)) return;
    RunBody(worker, body_, context_);
    running_.fetch_sub(1, std::memory_order_release);
    if (rationed_) running_.notify_all();
  }
}

TaskRanges::TaskRanges(int workers) : shares_(static_cast<std::size_t>(workers)) {}

void TaskRanges::Reset(int count) {
  const int workers = static_cast<int>(shares_.size());
  for (int worker = 0; worker < workers; ++worker) {
    Share& share = shares_[static_cast<std::size_t>(worker)];
    share.next.store(static_cast<int>(static_cast<std::int64_t>(count) * worker / workers),
                     std::memory_order_relaxed);
    share.end = static_cast<int>(static_cast<std::int64_t>(count) * (worker + 1) / workers);
  }
}

int TaskRanges::Take(int worker) {
  const int workers = static_cast<int>(shares_.size());
  for (int i = 0; i < workers; ++i) {
    Share& share = shares_[static_cast<std::size_t>((worker + i) % workers)];
    if (share.next.load(std::memory_order_relaxed) >= share.end) continue;
    const int task = share.next.fetch_add(1, std::memory_order_relaxed);
    if (task < share.end) return task;
  }
  return -1;
}

}  // namespace vivace::base
