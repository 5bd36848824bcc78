// A regular file mapped read-only. Owns the mapping; movable; the bytes may be read from any thread.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <span>
#include <string>

#include "base/file_fault.h"
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
  /// Bytes of it could not be read any more, and zeros stand there (see FileRange).
  bool faulted() const { return range_.faulted(); }
  /// kDataLoss when that happened or the file was written to since Open. A new file put in its place by
  /// rename is no change: the old one stays mapped.
  Status CheckUnchanged() const;
  /// Tells the kernel that these bytes were copied elsewhere and their pages may go (MADV_DONTNEED).
  void Release(std::span<const std::byte> range) const;

 private:
  MappedFile() = default;
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  struct stat info_ {};  // at Open
  FileRange range_;      // of the mapping
};

}  // namespace vivace::base
