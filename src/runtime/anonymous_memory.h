// A stretch of zeroed memory from the kernel: pages cost nothing until they are touched. Owns the mapping;
// movable; the bytes may be used from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "vivace/status.h"

namespace vivace::runtime {

enum class PageHint { kSmall, kHuge };  // kHuge: 2 MiB alignment, and large pages asked for

class AnonymousMemory {
 public:
  /// Maps `bytes` of zeros for `purpose`, which the error names (kResourceExhausted). 0 bytes give an empty
  /// span.
  static Result<AnonymousMemory> Map(std::size_t bytes, PageHint hint, std::string_view purpose);

  AnonymousMemory() = default;
  AnonymousMemory(AnonymousMemory&& other) noexcept;
  AnonymousMemory& operator=(AnonymousMemory&& other) noexcept;
  ~AnonymousMemory();

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::byte* mapping_ = nullptr;
  std::size_t mapping_size_ = 0;
  std::byte* data_ = nullptr;  // inside the mapping, aligned
  std::size_t size_ = 0;
};

}  // namespace vivace::runtime
