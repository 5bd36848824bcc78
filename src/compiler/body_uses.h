// What the fused lowering asks of one body: who reads a value's rows, which nodes have no phase of their own,
// and what depends on what. Reads the body when it is made; the body must not change after. Not thread safe.
//
// Without a phase: pad (tiles end in zeros), gather_rows of activation rows and of norm factors (a
// contraction takes the rows that it wants), and rms_scale (whoever makes a value also sums its squares).
#pragma once

#include <vector>

#include "graph/graph.h"

namespace vivace::compiler {

class BodyUses {
 public:
  /// `carried_squares`: for each f32 tensor that bodies hand on, in order, whether some body takes its norm.
  BodyUses(const graph::Body& body, const std::vector<char>& carried_squares);

  bool HasNoPhase(graph::NodeId id) const { return no_phase_[static_cast<std::size_t>(id.value)] != 0; }
  /// The value whose rows a node reads as `id`: looks through pad and gather_rows without a phase.
  graph::ValueId Rows(graph::ValueId id) const;
  /// The value whose norm factors `id` is; `id` is an operand of scale_rows.
  graph::ValueId NormOf(graph::ValueId id) const;
  /// Nodes with phases that read the rows of a value, in order, each once.
  const std::vector<graph::NodeId>& Readers(graph::ValueId id) const {
    return readers_[static_cast<std::size_t>(id.value)];
  }
  bool IsOutput(graph::ValueId id) const { return output_[static_cast<std::size_t>(id.value)] != 0; }
  /// True when somebody wants the sums of squares of a value.
  bool NeedsSquares(graph::ValueId id) const { return squares_[static_cast<std::size_t>(id.value)] != 0; }
  /// True when `later` depends on `earlier`, or is it.
  bool Reaches(graph::NodeId earlier, graph::NodeId later) const {
    return reach_[static_cast<std::size_t>(earlier.value)][static_cast<std::size_t>(later.value)] != 0;
  }
  /// The body of the logits: it may run again for more rows and must leave its inputs as they are.
  bool IsLast() const { return last_; }

 private:
  void FindReach();

  const graph::Body& body_;
  std::vector<char> no_phase_;                       // by node
  std::vector<char> output_, squares_;               // by value
  std::vector<std::vector<graph::NodeId>> readers_;  // by value
  std::vector<std::vector<char>> reach_;             // by node and node
  bool last_ = false;
};

/// For each f32 tensor that bodies hand on, by its place among them: whether some body takes its norm.
std::vector<char> CarriedSquares(const graph::Graph& graph);

}  // namespace vivace::compiler
