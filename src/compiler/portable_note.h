// What of a level 2 program runs on portable kernels, in one line for the log.
#pragma once

#include <string>
#include <vector>

#include "compiler/lowering.h"
#include "program/program.h"

namespace vivace::compiler {

/// "-O2: q4_k linears (8 of 15) and the embedding (q4_k) run on portable kernels", with the reason of the
/// first weight that a fused phase would have taken but for its neighbours. Empty when nothing of weight
/// does.
std::string PortableNote(const program::Program& program, const std::vector<RejectedWeight>& rejected);

}  // namespace vivace::compiler
