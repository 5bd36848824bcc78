#include "runtime/anonymous_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/checked_math.h"

namespace vivace::runtime {

Result<AnonymousMemory> AnonymousMemory::Map(std::size_t bytes, PageHint hint, std::string_view purpose) {
  AnonymousMemory memory;
  if (bytes == 0) return memory;
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t extra = hint == PageHint::kHuge ? kHugePage : 0;
  const base::SafeSize total = base::SafeSize(bytes) + base::SafeSize(extra);
  void* mapping = MAP_FAILED;
  errno = ENOMEM;
  if (total.valid()) {
    mapping = ::mmap(nullptr, *total.value(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  if (mapping == MAP_FAILED) {
    return ResourceExhausted(
        fmt::format("cannot reserve {} bytes for {}: {}", bytes, purpose, std::strerror(errno)));
  }
  memory.mapping_ = static_cast<std::byte*>(mapping);
  memory.mapping_size_ = *total.value();
  memory.data_ = memory.mapping_;
  memory.size_ = bytes;
  if (hint == PageHint::kHuge) {
    const auto address = reinterpret_cast<std::uintptr_t>(mapping);
    memory.data_ += ((address + kHugePage - 1) & ~(kHugePage - 1)) - address;
    ::madvise(memory.data_, bytes, MADV_HUGEPAGE);  // a wish: without it only speed differs
  }
  return memory;
}

AnonymousMemory::AnonymousMemory(AnonymousMemory&& other) noexcept {
  *this = std::move(other);
}

AnonymousMemory& AnonymousMemory::operator=(AnonymousMemory&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mapping_size_, other.mapping_size_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AnonymousMemory::~AnonymousMemory() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapping_size_);
}

}  // namespace vivace::runtime
