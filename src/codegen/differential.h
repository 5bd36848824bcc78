// Runs one Function in the interpreter and as machine code on the same memory and compares what they leave
// there, bit for bit. For tests of this and other folders and for fuzzing. Not thread-safe on the same
// buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codegen/target.h"
#include "codegen/vir.h"

namespace vivace::codegen {

/// Sets flush-to-zero and denormals-are-zero for this thread, as workers run with; restores the old state at
/// the end of the scope.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned saved_;
};

/// Writable memory between two pages that must not be touched; bytes() ends right before the second, so that
/// one byte too far faults. A size that is a multiple of 64 makes it 64-byte aligned. Zeroed. Aborts when the
/// system has no memory.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t size);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  std::span<std::byte> bytes() const { return {begin_, size_}; }
  template <class T>
  std::span<T> as() const {
    return {reinterpret_cast<T*>(begin_), size_ / sizeof(T)};
  }
  /// As a kernel argument.
  std::int64_t address() const { return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(begin_)); }

 private:
  std::byte* mapping_;
  std::size_t mapping_bytes_;
  std::byte* begin_;
  std::size_t size_;
};

/// Verifies, interprets on `buffers` (everything that the kernel writes must lie in them), keeps the result,
/// puts the old contents back, runs the machine code on them and compares. Both runs see the same
/// `arguments`, with denormals flushed. Ok when all bytes agree, and then the buffers hold the result; where
/// the CPU cannot run the target's code it is made all the same, but only the interpreter runs. Otherwise the
/// message has the kernel's name, the target and the first byte that differs, or the compiler's refusal.
Status CompareWithInterpreter(const Function& function, std::span<const std::int64_t> arguments,
                              std::span<const std::span<std::byte>> buffers,
                              const Target& target = HostTarget());

}  // namespace vivace::codegen
