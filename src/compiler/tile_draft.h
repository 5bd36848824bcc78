// What a phase of a tile kind will be, before it has buffers and weight slots: a source of tile values and
// lists of steps on them. Plain values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "kernels/epilogue_spec.h"

namespace vivace::compiler {

/// A vector of weights of the graph, to each entry of which `offset` is added.
struct VectorUse {
  graph::ValueId weight;
  float offset = 0;
};

/// One source and the steps that follow it, in the order of the graph.
struct Chain {
  std::optional<graph::NodeId> contraction = {};  // linear or embed; none: f32 rows of `inputs`
  std::vector<graph::ValueId> inputs = {};        // rows of the linear; else one f32 value, or gate and up
  std::vector<graph::ValueId> weights = {};       // of the contraction; gate and up have two
  bool gathered = false;                          // the linear takes the rows of logits from its input
  graph::ValueId value = {};                      // what the steps so far make
  kernels::EpilogueSteps steps = {};
  std::vector<graph::NodeId> nodes = {};
  std::optional<graph::ValueId> norm_of = {};  // whose squares RowScale reads
  float eps = 0;
  std::vector<VectorUse> bias = {};
  std::optional<VectorUse> post_norm = {}, norm = {}, head_norm = {};
  std::optional<graph::ValueId> residual = {};  // x before the sum
  std::optional<graph::ValueId> sum = {}, squares = {}, floats = {}, rows = {},
                                maxima = {};     // what it writes
  std::optional<graph::NodeId> heads_node = {};  // its HeadNorm or Rope, for the size of heads
  std::optional<graph::NodeId> rope = {};
  int half = -1;       // order in which heads rotate, when the columns are taken so
  int part = 0;        // q, k, v; only with has_parts of the draft
  bool ended = false;  // rows, cache or maxima are written: nothing may follow
};

struct TileDraft {
  std::vector<Chain> chains;  // one, or one per part in order
  bool has_parts = false;
  bool joined = false;
};

/// The node of a group that its phase cannot compute, and why.
struct Misfit {
  graph::NodeId node;
  std::string why;
};

}  // namespace vivace::compiler
