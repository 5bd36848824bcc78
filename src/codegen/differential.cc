// Both runs use the same memory one after the other, so that pointers inside the buffers mean the same to
// both.
#include "codegen/differential.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "codegen/interpreter.h"
#include "codegen/kernel_library.h"

namespace vivace::codegen {
namespace {

constexpr unsigned kFlushBits = 0x8040;  // MXCSR: flush to zero, denormals are zero

std::vector<std::vector<std::byte>> Copy(std::span<const std::span<std::byte>> buffers) {
  std::vector<std::vector<std::byte>> out;
  out.reserve(buffers.size());
  for (const std::span<std::byte> buffer : buffers) out.emplace_back(buffer.begin(), buffer.end());
  return out;
}

std::uint32_t WordAt(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, std::min(sizeof(word), bytes.size() - at));
  return word;
}

Status Compare(const Function& function, const Target& target,
               std::span<const std::vector<std::byte>> expected,
               std::span<const std::span<std::byte>> actual) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const auto [want, have] = std::mismatch(expected[i].begin(), expected[i].end(), actual[i].begin());
    if (want == expected[i].end()) continue;
    const auto at = static_cast<std::size_t>(want - expected[i].begin());
    const std::size_t word = at / 4 * 4;
    return Internal(fmt::format(
        "kernel '{}' on {}: buffer {} differs first at byte {}: interpreter {:#010x}, machine code {:#010x}",
        function.name, target.name, i, at, WordAt(expected[i], word), WordAt(actual[i], word)));
  }
  return Status::Ok();
}

}  // namespace

FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) {
  _mm_setcsr(saved_ | kFlushBits);
}
FlushDenormals::~FlushDenormals() {
  _mm_setcsr(saved_);
}

GuardedBuffer::GuardedBuffer(std::size_t size) : size_(size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t inner = (size + page - 1) / page * page;
  mapping_bytes_ = inner + 2 * page;
  void* mapping = mmap(nullptr, mapping_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  VIVACE_CHECK(mapping != MAP_FAILED);
  mapping_ = static_cast<std::byte*>(mapping);
  VIVACE_CHECK(inner == 0 || mprotect(mapping_ + page, inner, PROT_READ | PROT_WRITE) == 0);
  begin_ = mapping_ + page + inner - size;
}

GuardedBuffer::~GuardedBuffer() {
  munmap(mapping_, mapping_bytes_);
}

Status CompareWithInterpreter(const Function& function, std::span<const std::int64_t> arguments,
                              std::span<const std::span<std::byte>> buffers, const Target& target) {
  VIVACE_RETURN_IF_ERROR(Verify(function));
  KernelLibrary library(target);
  KernelId id{};
  if (target.CanRun()) {
    VIVACE_ASSIGN_OR_RETURN(id, library.Compile(function));
  }
  const FlushDenormals flush;
  const std::vector<std::vector<std::byte>> before = Copy(buffers);
  Interpret(function, arguments);
  if (!KernelLibrary::Supported(target)) return Status::Ok();
  const std::vector<std::vector<std::byte>> expected = Copy(buffers);
  for (std::size_t i = 0; i < buffers.size(); ++i)
    std::copy(before[i].begin(), before[i].end(), buffers[i].begin());
  VIVACE_RETURN_IF_ERROR(library.Seal());
  library.Get(id)(arguments.data());
  return Compare(function, target, expected, buffers);
}

}  // namespace vivace::codegen
