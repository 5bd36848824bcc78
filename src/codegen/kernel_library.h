// Compiles vector IR to machine code and owns the executable pages. Compile everything, then Seal once; pages
// are never writable and executable at the same time. Thread safety: compile and seal on one thread; after
// Seal, Get and calls from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "codegen/compilation_meter.h"
#include "codegen/target.h"
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
  /// `meter`, where there is one, counts the kernels that are made.
  explicit KernelLibrary(const Target& target = HostTarget(), CompilationMeter* meter = nullptr);
  ~KernelLibrary();
  KernelLibrary(const KernelLibrary&) = delete;
  KernelLibrary& operator=(const KernelLibrary&) = delete;

  /// What the kernels are made for.
  const Target& target() const;
  /// True when this CPU can run what a library for `target` makes.
  static bool Supported(const Target& target = HostTarget());

  /// Verifies, allocates registers, emits; works on any CPU, for any target but kNone. kUnsupported when the
  /// kernel does not fit the registers, or has an operation that the target lacks; the message names the
  /// instruction. A function that is already here (same text) gives the same
  /// id.
  Result<KernelId> Compile(const Function& function);
  /// Makes all kernels callable. No Compile after it. kUnsupported where Supported(target()) is false.
  Status Seal();
  /// After Seal.
  KernelFn Get(KernelId id) const;
  const KernelInfo& info(KernelId id) const;
  int size() const { return static_cast<int>(infos_.size()); }

  /// After Seal: one line a kernel, "start size name" in hexadecimal, as perf reads it from
  /// /tmp/perf-PID.map.
  std::string PerfMap() const;
  /// The raw machine code, constants after the last instruction.
  std::vector<std::byte> CodeBytes(KernelId id) const;
  /// The kernel's vector IR as text.
  std::string Text(KernelId id) const;
  /// The kernel's machine code: offset, assembly (destination first), and the IR instruction that it came
  /// from beside its first row; last the constants.
  std::string Dump(KernelId id) const;

 private:
  struct Impl;
  std::vector<KernelInfo> infos_;
  CompilationMeter* meter_;  // may be null
  std::unique_ptr<Impl> impl_;
};

}  // namespace vivace::codegen
