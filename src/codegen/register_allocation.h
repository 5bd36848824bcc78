// Linear-scan register allocation for the vector IR: every virtual register gets one physical register for
// its whole life. No splitting and no spilling: a kernel that does not fit is refused, and its author chooses
// a smaller tile.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "codegen/vir.h"

namespace vivace::codegen {

/// How many registers of each kind the target offers. Scalar 0 .. scalars-1 are in the order of preference of
/// the target; one of them, arguments_scalar, holds the pointer to the kernel's arguments on entry and is
/// free after the last kArg.
struct RegisterFile {
  int vectors = 0;
  int scalars = 0;
  int arguments_scalar = 0;
  bool constants_in_memory = false;  // constants that are never rewritten take no register
  std::string_view target = {};      // for messages
};

/// The "physical register" of a constant that the code reads from memory.
inline constexpr std::uint8_t kInMemory = 0xff;

struct Allocation {
  std::vector<std::uint8_t> vectors;  // physical register of each virtual vector register, or kInMemory
  std::vector<std::uint8_t> scalars;  // the same for scalars
  std::vector<std::uint8_t>
      counters;  // physical scalar register that counts the i-th loop, in the order of the text
  int vectors_used = 0;
  std::uint32_t scalars_used = 0;  // bit set
};

/// `function` must pass Verify. A register lives from its first write to its last mention; when it was
/// written before a loop and is mentioned in it, to the end of that loop, as the next run of the body needs
/// it. kUnsupported when more are alive than `registers` has; the message names the instruction and the
/// registers.
Result<Allocation> AllocateRegisters(const Function& function, const RegisterFile& registers);

}  // namespace vivace::codegen
