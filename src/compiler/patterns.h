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

/// A linear layer on activation rows and what is done to its result column by column (scale_rows, add_bias,
/// scale, softcap), every value between used once.
struct Projection {
  graph::ValueId input;  // activation rows
  graph::ValueId weight;
  std::vector<graph::NodeId> nodes;  // from the last to the linear layer
};
std::optional<Projection> MatchProjection(const BodyEditor& editor, graph::ValueId value);

/// True for heads that tiles of 32 columns norm, rotate and append: whole tiles, as many as one call
/// finishes.
bool HasTiledHeads(int head_dim);

/// quantize, or pad and quantize where pad belongs to the phase that makes `value`, when the value is used
/// for nothing else; empty otherwise.
std::vector<graph::NodeId> MatchQuantize(const BodyEditor& editor, graph::ValueId value);

/// `first` with `more` behind it.
std::vector<graph::NodeId> Together(std::vector<graph::NodeId> first, const std::vector<graph::NodeId>& more);

/// Nodes none of which is in a group yet.
bool NoneGrouped(const BodyEditor& editor, const std::vector<graph::NodeId>& nodes);

}  // namespace vivace::compiler
