// For tests: counts and fails calls of operator new, which allocation_count_test.cc replaces in this test
// binary.
#pragma once

namespace vivace::engine {

/// Calls so far, of all threads.
long AllocationCount();
/// The next call on this thread throws std::bad_alloc.
void FailNextAllocation();

}  // namespace vivace::engine
