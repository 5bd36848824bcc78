// One body of a graph as -O2 lowers it: fused phases for the groups that have exactly the form of a phase
// kind, portable phases for all other nodes, and quantisation where a fused phase takes what a portable one
// made. Not thread safe.
//
// Buffers that live across bodies: x (the residual stream, updated in place), squares (its partial sums of
// squares) and x8 (its quantised rows). rms_scale of x becomes a read of squares.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/body_editor.h"
#include "compiler/body_lowering.h"
#include "compiler/lowering.h"
#include "compiler/patterns.h"

namespace vivace::compiler {

class FusedBody {
 public:
  /// `body` is only read; BodyEditor's questions need it mutable. `plain_weights` are those that some phase
  /// reads as the checkpoint has them: an embedding that is one is looked up there, too.
  FusedBody(graph::Body& body, ProgramFrame& frame, const std::set<std::string>& plain_weights);

  /// kUnsupported names the node that does not fit. When `rejected` is not empty afterwards, the same graph
  /// with those linear layers on float rows may be lowered further.
  Status Run();
  std::vector<RejectedWeight> rejected;

  program::Body Take() { return nodes_.Take(); }
  const PackedSlots& slots() { return nodes_.slots(); }

 private:
  using Group = std::vector<graph::NodeId>;

  std::map<int, Group> CollectGroups(const std::set<std::string>& plain_weights) const;
  bool HasAPhase(const Group& group, const std::set<std::string>& plain_weights) const;
  std::vector<int> EmitAt() const;
  bool AttentionFits(graph::NodeId attention) const;
  /// The multiplication by a norm's weight that a lone quantize completes: they are one phase.
  std::optional<graph::NodeId> MulBefore(graph::NodeId quantize) const;
  Status RejectLoners();
  Status LowerAlone(graph::NodeId id);
  Status Quantize(graph::NodeId id);
  Status FloatAttention(graph::NodeId id);
  Status LowerGroup(const Group& group);
  void Reject(const Group& group, const Status& why);

  Status PanelEmbed(const Group& group, graph::NodeId embed);
  Status Qkv(const Group& group, graph::NodeId append);
  Status PagedAttention(const Group& group, graph::NodeId attention);
  Status ProjectResidual(const Group& group, graph::NodeId add);
  Status GateUp(const Group& group, graph::NodeId act);
  Status Logits(const Group& group, graph::NodeId linear);

  Status Fail(graph::NodeId id, const std::string& what) const { return nodes_.Fail(body_.node(id), what); }
  Status CheckExactly(const Group& group, std::vector<graph::NodeId> expected) const;
  Result<program::BufferId> Read(graph::NodeId user, graph::ValueId value) const;
  Result<program::BufferId> ReadSquares(graph::NodeId scale);
  program::BufferId Squares();
  program::Phase Start(program::PhaseKind kind, const std::string& label, const Group& group) const;
  /// x, squares and x8, in the order of the kinds that write them; `rows` may be nothing that is used.
  Status WriteResidual(program::Phase& phase, const Group& group, graph::ValueId x,
                       std::optional<graph::ValueId> rows);
  void Finish(program::Phase phase);
  /// The norm weight that follows a residual sum: of its quantisation, or of a norm on float rows.
  std::optional<graph::ValueId> NormAfter(graph::ValueId x) const;

  graph::Body& body_;
  BodyEditor editor_;
  ProgramFrame& frame_;
  const std::map<int, Group> groups_;  // of fused phases, by their last node
  const std::vector<int> emit_at_;     // by node: the node after whose turn it has been computed
  BodyLowering nodes_;
  std::optional<graph::ValueId> squares_of_;  // the value whose squares the buffer has
};

}  // namespace vivace::compiler
