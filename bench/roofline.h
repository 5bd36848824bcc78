// What every benchmark measures with, in one place: memory, workers on cores of their own that run the loops
// of codegen/machine_loops.h, and medians of bodies that run in turns (machines drift, so only what ran side
// by side is compared). Thread safety: none; a benchmark drives it from its main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/worker_team.h"
#include "codegen/machine_loops.h"
#include "kernels/task.h"

namespace vivace::bench {

double Seconds();

inline std::int64_t Address(const void* pointer) {
  return reinterpret_cast<std::int64_t>(pointer);
}

/// Zeroed memory on huge pages where the system gives them.
class Memory {
 public:
  explicit Memory(std::size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::byte* data() const { return aligned_; }
  float* floats() const { return reinterpret_cast<float*>(aligned_); }

 private:
  std::size_t mapped_;
  std::byte* mapping_;
  std::byte* aligned_;
};

/// Fills with bits that are neither denormal, infinite nor NaN, read as f16, bf16 or f32.
void FillNumbers(std::byte* data, std::size_t bytes);

/// How often bodies run: after one round that is not counted, at least `least` and at most `most` rounds, and
/// between the two until `seconds` have passed.
struct Rounds {
  int least = 5;
  int most = 41;
  double seconds = 0.1;
};
/// Seconds of each body in each round; the bodies take turns.
std::vector<std::vector<double>> InterleavedTimes(const std::vector<std::function<void()>>& bodies,
                                                  const Rounds& rounds);
/// Median seconds of each body.
std::vector<double> InterleavedMedians(const std::vector<std::function<void()>>& bodies,
                                       const Rounds& rounds);
double Median(std::vector<double> values);
/// Median over rounds of one body's time by another's in the same round: what drifts slowly cancels.
double MedianRatio(const std::vector<double>& numerator, const std::vector<double>& denominator);
/// Third quartile by first: 1 where the machine was left alone.
double Spread(std::vector<double> values);

/// A worker team whose workers stay on one core each, with scratch for kernels.
class Workers {
 public:
  explicit Workers(int count);
  int size() const { return team_.size(); }
  std::byte* scratch(int worker) const { return scratch_.data() + worker * kernels::kScratchBytes; }

  /// body(worker) on every worker at once.
  template <class Body>
  void Run(Body&& body) {
    team_.Run([&body](int worker) { body(worker); });
  }
  /// body(task, worker) for every task 0 .. count-1, handed out as the engine does it.
  template <class Body>
  void RunTasks(int count, Body&& body) {
    ranges_.Reset(count);
    team_.Run([&](int worker) {
      for (int task = ranges_.Take(worker); task >= 0; task = ranges_.Take(worker)) body(task, worker);
    });
  }
  /// Lets this thread run on all cores again: threads that it makes inherit its cores.
  static void ReleaseThisThread();

 private:
  base::WorkerTeam team_;
  base::TaskRanges ranges_;
  Memory scratch_;
};

using codegen::kReadVariants;
using codegen::kRegisterLoops;
using codegen::MachineLoops;
using codegen::ReadVariant;
using codegen::RegisterLoop;
using codegen::RegisterLoopRow;

/// The same work on all workers at once: `bytes` are shared out in pieces. Rates are those of all together.
void RunLoopOnAll(Workers& workers, const MachineLoops& loops, RegisterLoop loop);
void ReadOnAll(Workers& workers, const MachineLoops& loops, std::size_t variant, const std::byte* data,
               std::size_t bytes);

}  // namespace vivace::bench
