// Opening a model for these tests as the programs do, small and quiet, and asking it something.
#pragma once

#include <string>

#include "vivace/engine.h"
#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::bad_files {

/// A hang, not a measure of speed; sanitizers take several times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr double kHangSeconds = 20;
#else
inline constexpr double kHangSeconds = 2;
#endif

/// Level 0, one thread, a KV cache of 1 MiB.
Options TinyOptions(const std::string& path);
/// A greedy answer of four tokens: how it ended.
Status Answer(Engine& engine);

}  // namespace vivace::bad_files
