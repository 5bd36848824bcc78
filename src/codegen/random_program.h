// Random vector IR programs, the same for the same seed on every machine: for differential tests and fuzzing.
// They are valid, end, stay inside their buffers, fit the registers, and leave nothing to chance: float
// registers hold numbers or the one default NaN, and what a loop writes first is not read after it.
// Stateless.
#pragma once

#include <cstdint>

#include "codegen/target.h"
#include "codegen/vir.h"

namespace vivace::codegen {

/// Buffers of a random program, passed as its first arguments; kRandomBufferBytes each.
enum class RandomBuffer { kFloats, kInts, kHalves, kResults };
inline constexpr int kRandomBufferCount = 4;
inline constexpr int kRandomBufferBytes = 4096;
/// After the buffers come this many integers: small ones (also loop counts), then any.
inline constexpr int kRandomSmallIntegers = 2;
inline constexpr int kRandomAnyIntegers = 2;

/// A program of at least `operations` operations plus the stores of everything alive into the results, for a
/// target with this many vector registers (7 at least).
Function MakeRandomProgram(std::uint64_t seed, int operations, int vectors = 30);

/// Makes the program, fills its buffers from the seed and compares interpreter and machine code. The message
/// of a failure has the seed, what differs and the program.
Status CheckRandomProgram(std::uint64_t seed, int operations, const Target& target = HostTarget());

}  // namespace vivace::codegen
