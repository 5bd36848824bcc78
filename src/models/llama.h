// The Llama family: RMSNorm, grouped-query attention with rotary positions, SiLU-gated feed-forward;
// embeddings tied or not. Layers whose weights have the same types share one body.
#pragma once

#include <span>

#include "graph/graph.h"
#include "models/model_config.h"
#include "vivace/status.h"

namespace vivace::models {

Result<graph::Graph> BuildLlama(const ModelConfig& config, std::span<const WeightInfo> weights);

}  // namespace vivace::models
