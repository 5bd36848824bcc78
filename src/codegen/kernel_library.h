// Compiles vector IR to machine code and owns the executable pages. Compile everything, then Seal once; pages
// are never writable and executable at the same time. Thread safety: compile and seal on one thread; after
// Seal, Get and calls from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "codegen/vir.h"

namespace vivace::codegen {

using KernelId = base::Id<struct KernelTag>;
using KernelFn = void (*)(const std::int64_t* arguments);

struct KernelInfo {
  std::string name;
  std::size_t code_bytes = 0;
  int vectors_used = 0;  // physical registers
  int scalars_used = 0;
  double compile_us = 0;
};

class KernelLibrary {
 public:
  KernelLibrary();
  ~KernelLibrary();
  KernelLibrary(const KernelLibrary&) = delete;
  KernelLibrary& operator=(const KernelLibrary&) = delete;

  /// True when this CPU can run what Compile makes (AVX-512 F/BW/DQ/VL and VNNI).
  static bool Supported();

  /// Verifies, allocates registers, emits. kUnsupported when the kernel does not fit the registers; the
  /// message names the instruction. A function that is already here (same text) gives the same id.
  Result<KernelId> Compile(const Function& function);
  /// Makes all kernels callable. No Compile after it.
  Status Seal();
  KernelFn Get(KernelId id) const;
  const KernelInfo& info(KernelId id) const;
  int size() const { return static_cast<int>(infos_.size()); }
  /// Kept only when constructed through EnableDump: text of the vector IR and of the machine code (raw
  /// bytes).
  std::vector<std::byte> CodeBytes(KernelId id) const;

 private:
  struct Impl;
  std::vector<KernelInfo> infos_;
  Impl* impl_ = nullptr;
};

}  // namespace vivace::codegen
