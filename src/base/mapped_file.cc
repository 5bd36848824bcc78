#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/descriptor.h"
#include "base/status_macros.h"

namespace vivace::base {
namespace {

// What to tell the person about a path that is no readable regular file with content; ok when it is one.
Status CheckRegular(const std::string& path, const struct stat& info) {
  if (S_ISDIR(info.st_mode)) {
    return InvalidArgument("'" + path + "' is a directory: name the model file inside it");
  }
  if (!S_ISREG(info.st_mode))
    return InvalidArgument("'" + path + "' is not a regular file: name a model file");
  if (info.st_size == 0) return DataLoss("'" + path + "' is empty: fetch it again");
  return Status::Ok();
}

}  // namespace

Result<MappedFile> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) return NotFound("no file at '" + path + "': check the path");
    return InvalidArgument("cannot open '" + path + "': " + std::strerror(error));
  }
  struct stat info {};
  if (::fstat(descriptor.get(), &info) != 0) {
    const int error = errno;
    return Unavailable("cannot ask for the size of '" + path + "': " + std::strerror(error));
  }
  VIVACE_RETURN_IF_ERROR(CheckRegular(path, info));
  MappedFile file;
  file.path_ = path;
  void* const data =
      ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (data == MAP_FAILED) {
    const int error = errno;
    return ResourceExhausted("cannot map '" + path + "': " + std::strerror(error));
  }
  file.data_ = static_cast<const std::byte*>(data);
  file.size_ = static_cast<std::size_t>(info.st_size);
  file.info_ = info;
  file.range_ = FileRange(file.bytes());
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      info_(other.info_),
      range_(std::move(other.range_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(info_, other.info_);
  std::swap(range_, other.range_);
  return *this;
}

MappedFile::~MappedFile() {
  range_ = FileRange();  // before the addresses may be somebody else's
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

Status MappedFile::CheckUnchanged() const {
  constexpr const char* kRemedy =
      ": leave a model as it is while it is in use; fetch it again and start anew";
  if (faulted()) return DataLoss("'" + path_ + "' became shorter or unreadable while it was read" + kRemedy);
  struct stat now {};
  if (::stat(path_.c_str(), &now) != 0) return Status::Ok();
  const bool same_file = now.st_dev == info_.st_dev && now.st_ino == info_.st_ino;
  const bool same_content = now.st_size == info_.st_size && now.st_mtim.tv_sec == info_.st_mtim.tv_sec &&
                            now.st_mtim.tv_nsec == info_.st_mtim.tv_nsec;
  if (!same_file || same_content) return Status::Ok();
  return DataLoss("'" + path_ + "' was changed while it was read" + kRemedy);
}

void MappedFile::Release(std::span<const std::byte> range) const {
  constexpr std::uintptr_t kPage = 4096;
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(range.data()) + kPage - 1) & ~(kPage - 1);
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(range.data() + range.size()) & ~(kPage - 1);
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace vivace::base
