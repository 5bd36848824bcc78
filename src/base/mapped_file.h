// A regular file mapped read-only. Owns the mapping; movable; the bytes may be read from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "vivace/status.h"

namespace vivace::base {

class MappedFile {
 public:
  /// Maps the whole of `path`. Errors: kNotFound (no such file), kInvalidArgument (a directory, FIFO, device,
  /// empty file).
  static Result<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  /// Tells the kernel that these bytes were copied elsewhere and their pages may go (MADV_DONTNEED).
  void Release(std::span<const std::byte> range) const;

 private:
  MappedFile() = default;
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace vivace::base
