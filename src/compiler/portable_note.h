// What of a compiled program runs on portable kernels, in one line for the log.
#pragma once

#include <string>
#include <vector>

#include "program/program.h"

namespace vivace::compiler {

/// "-O2: f32 linear layers (1 of 15), the embedding (f32) and rope (2) run on portable kernels; the first
/// reason: .." Empty when nothing does. `reasons`: of LowerFused.
std::string PortableNote(const program::Program& program, const std::vector<std::string>& reasons);

}  // namespace vivace::compiler
