// Runs a Function one instruction at a time on real memory: the oracle for the emitter, and a way to run
// without machine code.
#pragma once

#include <cstdint>
#include <span>

#include "codegen/vir.h"

namespace vivace::codegen {

/// Runs `function` with the given arguments (64-bit integers and pointers, as the compiled kernel would get).
/// The function must pass Verify. Results equal the machine code's bit for bit when the calling thread has
/// FTZ and DAZ set.
void Interpret(const Function& function, std::span<const std::int64_t> arguments);

}  // namespace vivace::codegen
