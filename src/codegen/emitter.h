// Machine code for the vector IR, System V calling convention: x86-64 with AVX-512 and VNNI, or with AVX2,
// FMA and F16C, whichever the target names. The code is position independent, constants follow the last
// instruction. One thread per object; the code returned lives until the next Emit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "codegen/register_allocation.h"
#include "codegen/target.h"
#include "codegen/vir.h"

namespace vivace::codegen {

struct MachineCode {
  std::span<const std::byte> bytes;  // instructions, then constants
  std::span<const std::uint32_t>
      line_start;                     // offset of each IR instruction's code, and of the return sequence
  std::uint32_t constants_start = 0;  // offset of the first byte that is no instruction
};

class Assembler;

class Emitter {
 public:
  /// For any target; Emit only for one that CanRun().
  explicit Emitter(const Target& target);
  ~Emitter();
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;

  /// The registers of the target: target.vectors vector registers and 15 scalar ones, caller-saved ones
  /// first.
  const RegisterFile& registers() const { return registers_; }

  /// `function` must pass Verify and `allocation` be its allocation to registers(). kUnsupported, naming
  /// kernel, instruction and target, when an operation has no code there.
  Result<MachineCode> Emit(const Function& function, const Allocation& allocation);

 private:
  void Reserve(std::size_t bytes);

  Target target_;
  RegisterFile registers_;
  std::unique_ptr<std::byte[]> buffer_;
  std::byte* start_ = nullptr;  // in buffer_, aligned
  std::size_t capacity_ = 0;    // bytes from start_
  std::unique_ptr<Assembler> assembler_;
};

}  // namespace vivace::codegen
