#include "fault_hook.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

namespace vivace::faults {
namespace {

constexpr int kNone = -1;
std::atomic<int> armed_kind{kNone};
std::atomic<long> counted{0}, fails_at{0}, live{0}, mapped{0};
std::atomic<bool> fails_after{false};
thread_local bool is_exempt = false;

bool Fails(Kind kind) {
  if (armed_kind.load(std::memory_order_relaxed) != static_cast<int>(kind) || is_exempt) return false;
  const long number = counted.fetch_add(1) + 1, at = fails_at.load();
  return number == at || (fails_after.load() && number > at);
}

bool CallFails(int error) {
  if (!Fails(Kind::kCall)) return false;
  errno = error;
  return true;
}

void* Allocate(std::size_t size, std::size_t alignment) {
  if (Fails(Kind::kAllocation)) return nullptr;
  void* memory = nullptr;
  if (alignment == 0) {
    memory = std::malloc(size);
  } else if (::posix_memalign(&memory, alignment, size) != 0) {
    memory = nullptr;
  }
  if (memory != nullptr) live.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void* AllocateOrThrow(std::size_t size, std::size_t alignment) {
  void* const memory = Allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void Free(void* memory) {
  if (memory != nullptr) live.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

Armed::Armed(const Fault& fault) {
  counted = 0;
  fails_at = fault.at;
  fails_after = fault.lasting;
  armed_kind = static_cast<int>(fault.kind);
}

Armed::~Armed() {
  armed_kind = kNone;
}

long Armed::count() const {
  return counted;
}

Exempt::Exempt() : before_(is_exempt) {
  is_exempt = true;
}

Exempt::~Exempt() {
  is_exempt = before_;
}

Held HeldNow() {
  long descriptors = 0;
  if (DIR* const folder = ::opendir("/proc/self/fd")) {
    while (::readdir(folder) != nullptr) ++descriptors;
    ::closedir(folder);
  }
  return {live, mapped, descriptors};
}

void CountMapping(long added) {
  mapped.fetch_add(added, std::memory_order_relaxed);
}

}  // namespace vivace::faults

using vivace::faults::Allocate;
using vivace::faults::AllocateOrThrow;
using vivace::faults::CallFails;
using vivace::faults::Free;

// clang-format off
void* operator new(std::size_t size) { return AllocateOrThrow(size, 0); }
void* operator new[](std::size_t size) { return AllocateOrThrow(size, 0); }
void* operator new(std::size_t size, std::align_val_t to) { return AllocateOrThrow(size, static_cast<std::size_t>(to)); }
void* operator new[](std::size_t size, std::align_val_t to) { return AllocateOrThrow(size, static_cast<std::size_t>(to)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size, 0); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size, 0); }
void* operator new(std::size_t size, std::align_val_t to, const std::nothrow_t&) noexcept { return Allocate(size, static_cast<std::size_t>(to)); }
void* operator new[](std::size_t size, std::align_val_t to, const std::nothrow_t&) noexcept { return Allocate(size, static_cast<std::size_t>(to)); }
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { Free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { Free(memory); }

// Each wrapped call: what it returns when it fails is its first argument. __wrap_ and __real_ are the linker's names.
#define WRAP(result, name, failure, error, parameters, arguments)         \
  extern "C" result __real_##name parameters;                             \
  extern "C" result __wrap_##name parameters {                            \
    if (CallFails(error)) return failure;                                 \
    return __real_##name arguments;                                       \
  }
WRAP(ssize_t, read, -1, EIO, (int file, void* to, std::size_t size), (file, to, size))
WRAP(ssize_t, __read_chk, -1, EIO, (int file, void* to, std::size_t size, std::size_t room), (file, to, size, room))
WRAP(ssize_t, pread, -1, EIO, (int file, void* to, std::size_t size, off_t at), (file, to, size, at))
WRAP(ssize_t, __pread_chk, -1, EIO, (int file, void* to, std::size_t size, off_t at, std::size_t room), (file, to, size, at, room))
WRAP(ssize_t, write, -1, ENOSPC, (int file, const void* from, std::size_t size), (file, from, size))
WRAP(int, fsync, -1, EIO, (int file), (file))
WRAP(int, fstat, -1, EIO, (int file, struct stat* info), (file, info))
WRAP(int, fallocate, -1, ENOSPC, (int file, int mode, off_t from, off_t size), (file, mode, from, size))
WRAP(int, mkdirat, -1, ENOSPC, (int folder, const char* name, mode_t mode), (folder, name, mode))
WRAP(int, renameat, -1, EIO, (int from, const char* name, int to, const char* other), (from, name, to, other))
WRAP(int, renameat2, -1, EIO, (int from, const char* name, int to, const char* other, unsigned flags), (from, name, to, other, flags))
WRAP(int, open, -1, EIO, (const char* path, int flags, mode_t mode), (path, flags, mode))
WRAP(int, openat, -1, EIO, (int folder, const char* path, int flags, mode_t mode), (folder, path, flags, mode))
WRAP(int, __open_2, -1, EIO, (const char* path, int flags), (path, flags))
WRAP(int, __openat_2, -1, EIO, (int folder, const char* path, int flags), (folder, path, flags))
WRAP(int, mprotect, -1, ENOMEM, (void* at, std::size_t size, int rights), (at, size, rights))
WRAP(int, mkdir, -1, ENOSPC, (const char* path, mode_t mode), (path, mode))
WRAP(int, stat, -1, EIO, (const char* path, struct stat* info), (path, info))
WRAP(int, lstat, -1, EIO, (const char* path, struct stat* info), (path, info))
WRAP(int, fstatat, -1, EIO, (int folder, const char* path, struct stat* info, int flags), (folder, path, info, flags))
WRAP(int, fstatvfs, -1, EIO, (int file, struct statvfs* info), (file, info))
WRAP(int, unlinkat, -1, EIO, (int folder, const char* path, int flags), (folder, path, flags))
WRAP(int, flock, -1, ENOLCK, (int file, int what), (file, what))
WRAP(DIR*, fdopendir, nullptr, ENOMEM, (int file), (file))
WRAP(int, sched_getaffinity, -1, EPERM, (pid_t of, std::size_t size, cpu_set_t* set), (of, size, set))
#undef WRAP

extern "C" void* __real_mmap(void* at, std::size_t size, int rights, int flags, int file, off_t from);
extern "C" void* __wrap_mmap(void* at, std::size_t size, int rights, int flags, int file, off_t from) {
  if (CallFails(ENOMEM)) return MAP_FAILED;
  void* const mapping = __real_mmap(at, size, rights, flags, file, from);
  if (mapping != MAP_FAILED && (flags & MAP_FIXED) == 0) vivace::faults::CountMapping(1);
  return mapping;
}
extern "C" int __real_munmap(void* at, std::size_t size);
extern "C" int __wrap_munmap(void* at, std::size_t size) {
  vivace::faults::CountMapping(-1);
  return __real_munmap(at, size);
}
// clang-format on

// The standard library's threads come from a shared library, which the linker does not wrap.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                              void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (vivace::faults::Fails(vivace::faults::Kind::kThread)) return EAGAIN;
  return create(thread, attributes, body, argument);
}
