// Where an exception of the standard library's memory or threads becomes a Status. Layers 0 to 6 throw
// nothing of their own, but std::bad_alloc (also CheckMemory's) passes through them up to a few borders:
// making an engine, handing a request to it, each turn of its loop, and what its threads begin with. Thread
// safety: all of it.
#pragma once

#include <new>
#include <string_view>

#include "vivace/status.h"

namespace vivace::base {

/// kResourceExhausted, "memory ran out while <doing>". Where there is not even the memory for that, or
/// nothing was being done, "memory ran out": that takes none.
Status OutOfMemory(std::string_view doing = {}) noexcept;

/// For `catch (...)` at a border: memory that ran out, or a thread that the system refused, as
/// kResourceExhausted. Every other exception passes on.
Status CaughtExhaustion(std::string_view doing);

/// For libraries in C, which say by a null that memory ran out: std::bad_alloc where `has_memory` is false,
/// as operator new would throw it.
void CheckMemory(bool has_memory);

/// A copy; where there is no memory for its message, with a message that takes none.
Status CopyOf(const Status& status) noexcept;

/// Runs what nobody depends on, as a line of the log: where memory runs out in it, it is left out.
template <class Work>
void IfMemoryLasts(Work work) {
  try {
    work();
  } catch (const std::bad_alloc&) {  // that is what was asked for
  }
}

}  // namespace vivace::base
