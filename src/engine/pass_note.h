// Which passes were not taken for a model, for the log. A free function; any thread.
#pragma once

#include <string>

#include "compiler/compiler.h"

namespace vivace::engine {

/// "Passes with nothing to do in this model: fuse_qkv (for q, k and v from the same rows)"; empty when each
/// that ran changed something, or none ran.
std::string PassesNotTaken(const compiler::CompileReport& report);

}  // namespace vivace::engine
