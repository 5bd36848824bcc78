// Patterns that several passes look for.
#pragma once

#include <optional>
#include <vector>

#include "compiler/body_editor.h"
#include "graph/graph.h"

namespace vivace::compiler {

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

}  // namespace vivace::compiler
