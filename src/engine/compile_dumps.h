// The texts that a compile writes for people: --dump, --dump-dir and -cc.debug_dump_path.
#pragma once

#include "compiler/compiler.h"
#include "engine/engine_config.h"
#include "vivace/status.h"

namespace vivace::engine {

/// Writes what was asked for into config.compile.dump_dir, which is made when it is missing: graph.txt,
/// phase.txt, vir.txt and asm.txt, and where debug_dump_path is set passes.txt (what each pass did, and how
/// long it took) and config.txt (every option with its value and origin). The error names the path.
Status WriteDumps(const EngineConfig& config, const compiler::CompileReport& report);

}  // namespace vivace::engine
