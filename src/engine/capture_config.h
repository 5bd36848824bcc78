// Which steps replay captured plans: -cc.cudagraph_mode and the sizes, with vLLM's rules and messages. Free
// functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "runtime/executor.h"
#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::engine {

struct CaptureConfig {
  runtime::CaptureMode mode = runtime::CaptureMode::kFullAndPiecewise;
  std::string name;        // "FULL_AND_PIECEWISE"
  std::vector<int> sizes;  // ascending, tokens of a step; none: nothing is captured
};

/// 1, 2, 4, then every 8th to 248, then every 16th from 256, up to `largest`: vLLM's list.
std::vector<int> DefaultCaptureSizes(int largest);

/// The mode and the sizes go back to `options`, as they come out. `notes` gets a line for each setting that
/// another one overrides. kInvalidArgument names settings that contradict each other.
Result<CaptureConfig> ResolveCapture(Options& options, bool compiles, int max_num_seqs,
                                     int max_batched_tokens, std::vector<std::string>& notes);

}  // namespace vivace::engine
