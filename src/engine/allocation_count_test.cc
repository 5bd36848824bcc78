// Replaces the global allocation functions of this test binary. Apart from any code that uses them, or else
// the compiler sees malloc and operator new mixed.
#include "engine/allocation_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<long> allocations{0};
thread_local bool fail_next = false;
}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (fail_next) {
    fail_next = false;
    throw std::bad_alloc();
  }
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (!fail_next) return std::malloc(size == 0 ? 1 : size);
  fail_next = false;
  return nullptr;
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

namespace vivace::engine {

long AllocationCount() {
  return allocations.load();
}

void FailNextAllocation() {
  fail_next = true;
}

}  // namespace vivace::engine
