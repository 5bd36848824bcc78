// One kind of decoder layer as a graph body. Plain functions; internal to this folder.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "models/model_config.h"
#include "models/weight_names.h"

namespace vivace::models {

/// What layers of one body have in common.
struct LayerKind {
  std::vector<graph::Type> types;  // of the weights, by slot
  int window = 0;                  // 0: none
  float theta = 0;
  int scaling = 0;  // of the graph's rope_scalings, from 1
  bool operator==(const LayerKind&) const = default;
};

/// The weights are declared in the order of `slots`, so that a layer binds them in that order.
graph::Body DecoderBody(const ModelConfig& config, std::span<const WeightSlot> slots, const LayerKind& kind,
                        std::string name);

}  // namespace vivace::models
