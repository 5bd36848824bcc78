// VIVACE_CHECK: our own bugs. Never for input from outside (that is a Status).
#pragma once

namespace vivace::base {

/// Prints the condition and its place to stderr and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace vivace::base

#define VIVACE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::vivace::base::CheckFailed(#condition, __FILE__, __LINE__))
#ifdef NDEBUG
#define VIVACE_DCHECK(condition) static_cast<void>(0)
#else
#define VIVACE_DCHECK(condition) VIVACE_CHECK(condition)
#endif
