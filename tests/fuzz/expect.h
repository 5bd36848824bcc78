// Ends the process where a promise does not hold: the fuzzer then keeps the input.
#pragma once

#include <cstdio>

namespace vivace::fuzz {

inline void Expect(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  __builtin_trap();
}

}  // namespace vivace::fuzz
