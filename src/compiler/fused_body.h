// One body of a graph as -O1 and -O2 lower it: gives the phases of a plan (fused_plan.h) their buffers,
// weight slots and facts. Not thread safe.
//
// Buffers that live across bodies: x (the residual stream, updated in place), rows (its activation rows) and
// squares (its partial sums of squares). The sums of other values lie in scratch as long as a norm needs
// them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/body_lowering.h"
#include "compiler/fused_plan.h"

namespace vivace::compiler {

class FusedBody {
 public:
  FusedBody(const graph::Body& body, const BodyUses& uses, ProgramFrame& frame, const FusedPlan& plan);

  /// kUnsupported names what has no place.
  Status Run();
  program::Body Take() { return nodes_.Take(); }
  const PackedSlots& slots() { return nodes_.slots(); }

 private:
  Status AddTiles(const Draft& draft, const TileDraft& tile);
  Status AddAttention(const Draft& draft);
  Status SetReads(const TileDraft& tile, program::Phase& phase);
  Status SetWrites(const TileDraft& tile, program::Phase& phase);
  void SetFacts(const TileDraft& tile, program::Phase& phase);
  void SetWeights(const TileDraft& tile, program::Phase& phase);
  Result<program::BufferId> Read(graph::ValueId value) const;
  Result<program::BufferId> SquaresOf(graph::ValueId value);
  std::optional<std::string> CarriedSquaresName(graph::ValueId value) const;
  void ReleaseSquares();
  std::string LabelOf(const TileDraft& tile) const;
  void AddNames(const Draft& draft, const TileDraft* tile, program::Phase& phase);
  void Finish(program::Phase phase);

  const graph::Body& body_;
  const BodyUses& uses_;
  ProgramFrame& frame_;
  const FusedPlan& plan_;
  BodyLowering nodes_;
  std::map<int, program::BufferId> squares_;  // in scratch, by value
  std::vector<char> named_;                   // by node: some phase has said that it computes it
  int turn_ = 0;
};

}  // namespace vivace::compiler
