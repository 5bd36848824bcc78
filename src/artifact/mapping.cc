#include "artifact/mapping.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace vivace::artifact {

Result<Mapping> Mapping::Map(const Handle& file, std::int64_t bytes) {
  constexpr std::size_t kLargePage = std::size_t{2} << 20;
  Mapping mapping;
  if (bytes <= 0) return mapping;
  const auto size = static_cast<std::size_t>(bytes);
  mapping.reserved_size_ = size + kLargePage;
  void* reserved =
      ::mmap(nullptr, mapping.reserved_size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED)
    return ResourceExhausted(fmt::format("cannot reserve {} bytes: {}", size, std::strerror(errno)));
  mapping.reserved_ = reserved;
  const auto address = reinterpret_cast<std::uintptr_t>(reserved);
  const std::uintptr_t aligned = (address + kLargePage - 1) & ~(kLargePage - 1);
  void* data =
      ::mmap(reinterpret_cast<void*>(aligned), size, PROT_READ, MAP_SHARED | MAP_FIXED, file.get(), 0);
  if (data == MAP_FAILED)
    return ResourceExhausted(fmt::format("cannot map {} bytes: {}", size, std::strerror(errno)));
  ::madvise(data, size, MADV_HUGEPAGE);  // a wish: what is not in memory yet is then read in large pages
  mapping.data_ = static_cast<const std::byte*>(data);
  mapping.size_ = size;
  return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept {
  *this = std::move(other);
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(reserved_, other.reserved_);
  std::swap(reserved_size_, other.reserved_size_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (reserved_ != nullptr) ::munmap(reserved_, reserved_size_);
}

}  // namespace vivace::artifact
