// The one list of model families. A family is a row: its architecture name in checkpoints and the function
// that builds its graph.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "graph/graph.h"
#include "models/model_config.h"
#include "vivace/status.h"

namespace vivace::models {

using BuildFn = Result<graph::Graph> (*)(const ModelConfig& config, std::span<const WeightInfo> weights);

struct ModelFamily {
  std::string_view architecture;  // general.architecture
  std::string_view models;        // which models people know it by
  BuildFn build;
};

std::span<const ModelFamily> ModelFamilies();
/// kUnsupported with the list of known architectures when there is none.
Result<const ModelFamily*> FindFamily(std::string_view architecture);

/// Builds the graph of the config's family. Each tensor that the family needs must exist with the right shape
/// and type, and each tensor of the checkpoint must be one that the family knows; errors name the tensor, its
/// dimensions and the expected ones.
Result<graph::Graph> BuildGraph(const ModelConfig& config, std::span<const WeightInfo> weights);

}  // namespace vivace::models
