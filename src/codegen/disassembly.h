// Machine code as text, for dumps and for tests of encodings. Stateless.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace vivace::codegen {

struct AssemblyLine {
  std::size_t offset;  // of its first byte, as the caller counts
  std::size_t bytes;
  std::string text;  // "vaddps zmm0, zmm1, zmm2"; destination first
};

/// The instructions of `code`, whose first byte has the offset `offset`; jumps and reads of constants show
/// the offset that they lead to. A byte that begins no instruction becomes "db 0x..".
std::vector<AssemblyLine> Disassemble(std::span<const std::byte> code, std::size_t offset = 0);

}  // namespace vivace::codegen
