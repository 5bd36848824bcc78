// What the options of the compiler mean together: whether and how a model is compiled, and which steps replay
// captured plans. Precedence as in vLLM: --enforce-eager, then what is set explicitly, then the level. Free
// functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "runtime/executor.h"
#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::engine {

struct CompileConfig {
  compiler::CompileOptions options;  // level 0: portable kernels
  std::string dump_dir;
  runtime::CaptureMode capture = runtime::CaptureMode::kFullAndPiecewise;
  std::vector<int> capture_sizes;  // ascending, tokens of a step
  std::string capture_name;        // "FULL_AND_PIECEWISE", for the log
};

/// `options` has the defaults of its level (Options::SetFromLevel), and gets back how its settings come out.
/// `notes` gets a line for each setting that another one overrides. kInvalidArgument names the setting, its
/// value and what would be right.
Result<CompileConfig> ResolveCompile(Options& options, int max_num_seqs, int max_batched_tokens,
                                     std::vector<std::string>& notes);

}  // namespace vivace::engine
