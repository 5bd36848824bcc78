// A decode step takes no memory: counted by replacing the allocation functions of this test binary.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "scheduler/scheduler.h"

namespace {

std::atomic<std::int64_t> allocations{0};

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace vivace::scheduler {
namespace {

TEST(Scheduler, DecodeStepsDoNotAllocate) {
  SchedulerConfig config;
  config.blocks = 512;
  config.max_model_len = 1024;
  Scheduler scheduler(config);
  for (std::int32_t i = 0; i < 8; ++i) {
    const std::vector<std::int32_t> prompt(20, i);
    ASSERT_TRUE(scheduler.Add({prompt, 900}).ok());
  }
  std::vector<SequenceResult> results;
  results.reserve(8);
  const auto step = [&] {
    results.clear();
    for (const SequencePlan& entry : scheduler.Next().sequences) {
      if (entry.samples) results.push_back({entry.id, 5, false});
    }
    scheduler.Commit({results});
  };
  step();
  ASSERT_EQ(results.size(), 8u);
  const auto before = allocations.load();
  for (int i = 0; i < 800; ++i) step();  // crosses 50 block borders: blocks are taken and named
  EXPECT_EQ(allocations.load(), before);
  EXPECT_EQ(scheduler.pool().named_count(), 8 * ((20 + 800) / 16));
}

}  // namespace
}  // namespace vivace::scheduler
