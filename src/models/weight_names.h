// The weights of a decoder: their canonical names (those of GGUF), their names in folders of safetensors, and
// their shapes, from a model's facts. The one table of names; plain functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/model_config.h"
#include "vivace/status.h"

namespace vivace::models {

/// A weight that one layer, or the model, needs.
struct WeightSlot {
  std::string_view name;    // canonical, without the layer's prefix: "attn_q.weight"
  std::string_view folder;  // in folders, likewise: "self_attn.q_proj.weight"
  std::int64_t rows = 0;    // 0: a vector
  std::int64_t width = 0;
};

/// The slots of a layer that this model has, in the order of the table.
std::vector<WeightSlot> LayerSlots(const ModelConfig& config);
/// token_embd, output_norm and, unless the model is tied, output. vocabulary is that of the config.
std::vector<WeightSlot> GlobalSlots(const ModelConfig& config, bool tied);
/// "blk.3.attn_q.weight".
std::string LayerWeightName(int layer, std::string_view name);

}  // namespace vivace::models
