// One group of nodes (or a node without a group) as phases of tile kinds: finds the sources of tile values,
// walks from each through the nodes that use its result, and writes a step for each node. Several chains
// become the parts q, k and v of one phase, or joined phases. Decides nothing by buffers. Not thread safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/body_uses.h"
#include "compiler/tile_draft.h"
#include "graph/graph.h"
#include "tensor/kv_layout.h"

namespace vivace::compiler {

/// What a walk must know besides the body.
struct WalkFacts {
  int hidden = 0;
  tensor::KvLayout kv{};
  std::vector<char> plain_weights = {};  // by value: read as the checkpoint has them, so never packed
};

class GroupWalk {
 public:
  GroupWalk(const graph::Body& body, const BodyUses& uses, const WalkFacts& facts,
            std::vector<graph::NodeId> nodes);

  /// False when a node does not fit: see misfit(). Nodes that follow it in the group fit no better.
  bool Run();
  const Misfit& misfit() const { return *misfit_; }
  std::vector<TileDraft> Take() { return std::move(drafts_); }

 private:
  using Op = graph::Op;

  bool Fail(graph::NodeId node, std::string why);
  bool IsMember(graph::NodeId id) const { return member_[static_cast<std::size_t>(id.value)] != 0; }
  bool IsMade(graph::ValueId id) const;
  std::vector<graph::NodeId> MembersThatRead(graph::ValueId id) const;
  const graph::Type& TypeOf(graph::ValueId id) const { return body_.value(id).type; }

  // group_walk.cc: sources and parts
  bool Start(graph::NodeId id);
  bool StartContraction(graph::NodeId id, Chain& chain);
  bool StartAppend(graph::NodeId id);
  bool Walk(Chain chain);
  bool MergeGates();
  bool Merge(graph::NodeId gate, Chain up_to_gate, const Chain& up);
  bool FinishAppends();
  int PartOf(graph::ValueId id) const;
  bool FindPart(Chain& chain);
  void MakeDrafts();

  // step_chain.cc: steps
  bool Apply(Chain& chain, graph::NodeId id);
  bool ApplyScaleRows(Chain& chain, const graph::Node& node, graph::NodeId id);
  bool ApplyMul(Chain& chain, const graph::Node& node, graph::NodeId id);
  bool ApplyAdd(Chain& chain, const graph::Node& node, graph::NodeId id);
  bool ApplyHeads(Chain& chain, const graph::Node& node, graph::NodeId id);
  bool ApplyAppend(Chain& chain, const graph::Node& node, graph::NodeId id);
  bool ApplyGate(Chain& chain, const graph::Node& node, graph::NodeId id);
  bool ApplyRows(Chain& chain, const graph::Node& node, graph::NodeId id);
  bool WriteValue(Chain& chain, graph::NodeId id);
  bool MayUpdate(graph::ValueId x, graph::NodeId add) const;
  std::string HeadFault(const graph::Attributes& attributes, graph::ValueId value) const;
  int OrderOf(graph::ValueId id) const;
  bool IsTurned(graph::ValueId id) const;

  const graph::Body& body_;
  const BodyUses& uses_;
  const WalkFacts& facts_;
  const std::vector<graph::NodeId> nodes_;
  std::vector<char> member_;                 // by node
  std::vector<char> done_;                   // by node: some chain has it
  std::vector<Chain> chains_;                // complete ones
  std::map<int, std::vector<Chain>> gates_;  // chains that wait for the other side, by the gate's node
  std::vector<TileDraft> drafts_;
  std::optional<Misfit> misfit_;
};

}  // namespace vivace::compiler
