// Patterns that several passes and the lowering look for.
#pragma once

#include <optional>
#include <vector>

#include "compiler/body_editor.h"
#include "graph/graph.h"

namespace vivace::compiler {

/// scale_rows(linear(input, weight), scale), or a plain linear: what fuse_norm_quant leaves of a norm and a
/// linear layer.
struct ScaledLinear {
  graph::ValueId input;  // what the linear layer takes
  graph::ValueId weight;
  std::vector<graph::NodeId> nodes;    // linear, scale_rows, rms_scale; with gather_rows of the scale between
  std::optional<graph::NodeId> scale;  // the rms_scale
};
/// Matches when `value` is computed so, and the linear's result is used for nothing else.
std::optional<ScaledLinear> MatchScaledLinear(const BodyEditor& editor, graph::ValueId value);

/// mul(x, weight) and quantize of it, used for nothing else: the head of a layer, or the end of the one
/// before.
struct WeightedQuantize {
  graph::NodeId mul, quantize;
  graph::ValueId weight;
};
std::optional<WeightedQuantize> MatchWeightedQuantize(const BodyEditor& editor, graph::ValueId x);

/// Nodes none of which is in a group yet.
bool NoneGrouped(const BodyEditor& editor, const std::vector<graph::NodeId>& nodes);

}  // namespace vivace::compiler
