// Opens the weights that the options name: a file, a folder, or random weights in their place.
#pragma once

#include <memory>

#include "checkpoint/checkpoint.h"
#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::engine {

/// Reads model, load-format, dummy-type, hf-overrides, seed and threads. With kHeaders no weights are read or
/// made. Errors: those of Checkpoint::Open and MakeDummyCheckpoint; kInvalidArgument when the file is of
/// another format than load-format says; kUnsupported for hf-overrides of weights that are not random.
Result<std::unique_ptr<checkpoint::Checkpoint>> OpenModel(const Options& options,
                                                          checkpoint::Contents contents);

}  // namespace vivace::engine
