// What requests have that set nothing, by --generation-config. Free functions.
#pragma once

#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "engine/engine_config.h"
#include "vivace/sampling_params.h"
#include "vivace/status.h"

namespace vivace::engine {

/// "auto": of the checkpoint's generation_config.json, where it has one; "vllm": nothing is changed; another
/// text: of the file in that folder. Over it the values of --override-generation-config. Errors name the file
/// and the value that is out of range.
Status ReadDefaults(const checkpoint::Checkpoint& checkpoint, const EngineConfig& config,
                    SamplingParams& sampling, std::optional<int>& max_tokens);

}  // namespace vivace::engine
