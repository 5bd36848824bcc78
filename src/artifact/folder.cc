#include "artifact/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "base/status_macros.h"

namespace vivace::artifact {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
// Writes of whole large pages: the page cache then keeps the file in large pages, and mapping it costs
// little.
constexpr std::size_t kWriteBytes = std::size_t{8} << 20;

Status SystemError(std::string_view what, const std::string& name) {
  const int error = errno;
  const std::string text = fmt::format("{} '{}': {}", what, name, std::strerror(error));
  return error == ENOENT ? NotFound(text) : Unavailable(text);
}

Status CheckTrusted(const Handle& file, const std::string& name, struct stat& info) {
  if (::fstat(file.get(), &info) != 0) return SystemError("cannot ask for the owner of", name);
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return Unavailable(fmt::format("'{}' belongs to user {}, neither this one nor root", name, info.st_uid));
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return Unavailable(fmt::format("'{}' may be written to by others: chmod go-w '{}'", name, name));
  return Status::Ok();
}

Result<Handle> CheckedFolder(int file, const std::string& name) {
  Handle folder(file);
  if (!folder.ok() && (errno == ELOOP || errno == ENOTDIR))
    return Unavailable(fmt::format("'{}' is a link or no folder", name));
  if (!folder.ok()) return SystemError("cannot open", name);
  struct stat info {};
  VIVACE_RETURN_IF_ERROR(CheckTrusted(folder, name, info));
  return folder;
}

// A write beyond RLIMIT_FSIZE raises SIGXFSZ, which would end the process: while this lives, it fails only.
class SizeSignalHeld {
 public:
  SizeSignalHeld() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~SizeSignalHeld() {
    const struct timespec now {};
    while (sigtimedwait(&signal_, nullptr, &now) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SizeSignalHeld(const SizeSignalHeld&) = delete;
  SizeSignalHeld& operator=(const SizeSignalHeld&) = delete;

 private:
  sigset_t signal_, before_;
};

Status WriteAll(int file, const std::string& name, std::span<const std::byte> bytes,
                const std::atomic<bool>* stop) {
  const SizeSignalHeld held;
  // Room for all of it, or none of the work; file systems that cannot promise room say so.
  if (bytes.size() > kWriteBytes && ::fallocate(file, 0, 0, static_cast<off_t>(bytes.size())) != 0 &&
      errno != EOPNOTSUPP && errno != ENOSYS) {
    return SystemError("cannot write", name);
  }
  while (!bytes.empty()) {
    if (stop != nullptr && *stop) return {StatusCode::kCancelled, "the process ends"};
    const ssize_t written = ::write(file, bytes.data(), std::min(bytes.size(), kWriteBytes));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return SystemError("cannot write", name);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (::fsync(file) != 0) return SystemError("cannot write", name);
  return Status::Ok();
}

}  // namespace

Handle::Handle(Handle&& other) noexcept : file_(other.Take()) {}

Handle& Handle::operator=(Handle&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

Handle::~Handle() {
  if (file_ >= 0) ::close(file_);
}

int Handle::Take() {
  return std::exchange(file_, -1);
}

Result<Handle> OpenFolder(const std::string& path) {
  return CheckedFolder(::open(path.c_str(), kFolderFlags), path);
}

Result<Handle> OpenFolderIn(const Handle& parent, const std::string& name) {
  return CheckedFolder(::openat(parent.get(), name.c_str(), kFolderFlags), name);
}

Result<Handle> OpenFileIn(const Handle& folder, const std::string& name, std::int64_t& bytes) {
  // O_NONBLOCK: a FIFO must not wait for a writer.
  Handle file(::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file.ok() && errno == ELOOP) return Unavailable(fmt::format("'{}' is a link", name));
  if (!file.ok()) return SystemError("cannot open", name);
  struct stat info {};
  VIVACE_RETURN_IF_ERROR(CheckTrusted(file, name, info));
  if (!S_ISREG(info.st_mode)) return Unavailable(fmt::format("'{}' is no regular file", name));
  bytes = info.st_size;
  return file;
}

Status MakeFolders(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
      const int error = errno;  // what is there already may lie in a folder that nobody may write to
      struct stat info {};
      errno = ::stat(part.c_str(), &info) == 0 ? 0 : error;
      if (errno != 0) return SystemError("cannot make", part);
    }
    if (end == std::string::npos) return Status::Ok();
  }
}

Result<std::string> ReadFileIn(const Handle& folder, const std::string& name, std::int64_t limit) {
  std::int64_t bytes = 0;
  VIVACE_ASSIGN_OR_RETURN(const Handle file, OpenFileIn(folder, name, bytes));
  if (bytes > limit) return DataLoss(fmt::format("'{}' is larger than {} bytes", name, limit));
  std::string text(static_cast<std::size_t>(bytes), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("cannot read", name);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  text.resize(done);
  return text;
}

Status WriteFileIn(const Handle& folder, const std::string& name, std::span<const std::byte> bytes,
                   const std::atomic<bool>* stop) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const Handle file(::openat(folder.get(), name.c_str(), flags, S_IRUSR | S_IWUSR));
  if (!file.ok()) return SystemError("cannot make", name);
  return WriteAll(file.get(), name, bytes, stop);
}

Status SyncFolder(const Handle& folder) {
  if (::fsync(folder.get()) == 0 || errno == EINVAL) return Status::Ok();
  return SystemError("cannot bring to the disk", "the folder");
}

std::vector<std::string> NamesIn(const Handle& folder) {
  std::vector<std::string> names;
  Handle again(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(again.ok() ? ::fdopendir(again.get()) : nullptr,
                                                   ::closedir);
  if (stream == nullptr) return names;
  again.Take();  // it is the stream's now
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::int64_t RemoveFolderIn(const Handle& parent, const std::string& name) {
  std::int64_t bytes = 0;
  const Handle folder(::openat(parent.get(), name.c_str(), kFolderFlags));
  if (!folder.ok()) return 0;
  for (const std::string& file : NamesIn(folder)) {
    struct stat info {};
    const bool known = ::fstatat(folder.get(), file.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (::unlinkat(folder.get(), file.c_str(), 0) == 0 && known) bytes += info.st_size;
  }
  ::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR);
  return bytes;
}

std::string RandomName() {
  std::uint64_t value = 0;
  if (::getrandom(&value, sizeof(value), 0) != static_cast<ssize_t>(sizeof(value))) {
    struct timespec now {};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    value = static_cast<std::uint64_t>(now.tv_nsec) * 0x9e3779b97f4a7c15u ^
            static_cast<std::uint64_t>(::getpid());
  }
  return fmt::format("{:016x}", value);
}

}  // namespace vivace::artifact
