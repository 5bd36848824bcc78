// The dense decoder that all families of today share: RMSNorm, grouped-query attention with rotary positions,
// gated feed-forward. Which norms, biases, windows and factors it has comes from the config. Layers whose
// weights have the same types and which see the same positions share one body.
#pragma once

#include <span>

#include "graph/graph.h"
#include "models/model_config.h"
#include "vivace/status.h"

namespace vivace::models {

Result<graph::Graph> BuildDecoder(const ModelConfig& config, std::span<const WeightInfo> weights);

}  // namespace vivace::models
