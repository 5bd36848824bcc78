// A file mapped read-only, its pages shared by all processes that map it. Owns the mapping; movable; the
// bytes may be read from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "artifact/folder.h"

namespace vivace::artifact {

class Mapping {
 public:
  /// The address is a multiple of 2 MiB, and large pages are asked for. 0 bytes give an empty mapping.
  static Result<Mapping> Map(const Handle& file, std::int64_t bytes);

  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  void* reserved_ = nullptr;
  std::size_t reserved_size_ = 0;
  const std::byte* data_ = nullptr;  // inside what is reserved
  std::size_t size_ = 0;
};

}  // namespace vivace::artifact
