// Machine code for the vector IR on AVX-512 (F, BW, DQ, VL) with VNNI, System V calling convention. The code
// is position independent, constants follow the last instruction. One thread per object; the code returned
// lives until the next Emit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "codegen/register_allocation.h"
#include "codegen/vir.h"

namespace vivace::codegen {

struct MachineCode {
  std::span<const std::byte> bytes;  // instructions, then constants
  std::span<const std::uint32_t>
      line_start;                     // offset of each IR instruction's code, and of the return sequence
  std::uint32_t constants_start = 0;  // offset of the first byte that is no instruction
};

class EmitterAvx512 {
 public:
  EmitterAvx512();
  ~EmitterAvx512();

  /// 30 vector registers (two more are scratch) and 15 scalar registers, caller-saved ones first.
  static const RegisterFile& Registers();

  /// `function` must pass Verify and `allocation` be its allocation to Registers().
  Result<MachineCode> Emit(const Function& function, const Allocation& allocation);

 private:
  class Assembler;
  std::vector<std::byte> buffer_;
  std::byte* start_ = nullptr;  // in buffer_, aligned
  std::size_t capacity_ = 0;    // bytes from start_
  std::unique_ptr<Assembler> assembler_;
};

}  // namespace vivace::codegen
