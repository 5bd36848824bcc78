// The key of an artifact: everything that its bytes depend on, and nothing else. Paths, ports, log settings,
// the environment, the number of threads and the build of the engine are no factors. Pure; any thread.
#pragma once

#include "artifact/artifact.h"
#include "checkpoint/checkpoint.h"
#include "compiler/compiler.h"

namespace vivace::engine {

/// Forms of what is kept; one more when the meaning of the bytes changes. The pack format is the layout of
/// panels (tensor/packed_panel.h) and their order in memory, the plan format the text of programs.
inline constexpr int kPackFormat = 1;
inline constexpr int kPlanFormat = 1;

/// model.headers: SHA-256 of what the files say before their weights, and of the texts of a folder;
/// model.bytes: sizes of the tensors together; model.pages: XXH3-128 of 256 pages, evenly spread; then the
/// formats, the instruction set with its arithmetic, types, passes, compile sizes and ranges.
artifact::Key ArtifactKey(const checkpoint::Checkpoint& file, const compiler::CompileOptions& options);

}  // namespace vivace::engine
