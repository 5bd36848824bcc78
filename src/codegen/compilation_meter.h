// Counts what is compiled on behalf of one engine: programs and kernels. Armed when the engine is ready, it
// shows that nothing is compiled after that. Thread safety: all members from any thread. It must outlive the
// compilers and libraries that it is given to.
#pragma once

#include <atomic>
#include <cstdint>

namespace vivace::codegen {

class CompilationMeter {
 public:
  /// A program or a kernel was made.
  void Count() {
    all_.fetch_add(1, std::memory_order_relaxed);
    if (armed_.load(std::memory_order_acquire)) after_ready_.fetch_add(1, std::memory_order_relaxed);
  }
  /// From now on is "after ready".
  void Arm() { armed_.store(true, std::memory_order_release); }

  std::int64_t compilations() const { return all_.load(std::memory_order_relaxed); }
  std::int64_t after_ready() const { return after_ready_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> all_{0}, after_ready_{0};
  std::atomic<bool> armed_{false};
};

}  // namespace vivace::codegen
