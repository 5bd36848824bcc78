// The parts of reading a config.json; internal to this folder.
#pragma once

#include "models/json_facts.h"
#include "models/model_config.h"
#include "models/model_families.h"
#include "vivace/status.h"

namespace vivace::models {

/// rope and local_rope from rope_theta, rope_local_base_freq, rope_scaling and rope_parameters. The sizes of
/// the config are set.
Status ReadFolderRope(const JsonFacts& facts, const ModelFamily& family, ModelConfig& config);

}  // namespace vivace::models
