#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace vivace::base {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "vivace: internal error: check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace vivace::base
