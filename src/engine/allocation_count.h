// For tests: how often this test binary has called operator new (allocation_count_test.cc replaces it).
#pragma once

namespace vivace::engine {

long AllocationCount();

}  // namespace vivace::engine
