#include "compiler/group_walk.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "kernels/float_tile_expand.h"
#include "tensor/dequantize.h"
#include "tensor/packed_panel.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::ValueId;
using kernels::StepKind;

namespace {

constexpr int kNoPart = -1;

bool IsGate(graph::Op op) {
  return op == graph::Op::kSiluMul || op == graph::Op::kGeluMul;
}

bool HasSameSteps(const Chain& a, const Chain& b) {
  if (a.steps.size() != b.steps.size()) return false;
  for (int i = 0; i < a.steps.size(); ++i) {
    if (a.steps[i].kind != b.steps[i].kind || a.steps[i].value != b.steps[i].value) return false;
  }
  return true;
}

}  // namespace

GroupWalk::GroupWalk(const graph::Body& body, const BodyUses& uses, const WalkFacts& facts,
                     std::vector<NodeId> nodes)
    : body_(body),
      uses_(uses),
      facts_(facts),
      nodes_(std::move(nodes)),
      member_(body.nodes.size(), 0),
      done_(body.nodes.size(), 0) {
  for (const NodeId id : nodes_) member_[static_cast<std::size_t>(id.value)] = 1;
}

bool GroupWalk::Fail(NodeId node, std::string why) {
  if (!misfit_) misfit_ = Misfit{node, std::move(why)};
  return false;
}

bool GroupWalk::IsMade(ValueId id) const {
  const graph::Value& value = body_.value(id);
  return value.kind == graph::ValueKind::kNode && IsMember(value.node);
}

std::vector<NodeId> GroupWalk::MembersThatRead(ValueId id) const {
  std::vector<NodeId> members;
  for (const NodeId reader : uses_.Readers(id)) {
    if (IsMember(reader)) members.push_back(reader);
  }
  return members;
}

bool GroupWalk::Run() {
  for (const NodeId id : nodes_) {
    if (!done_[static_cast<std::size_t>(id.value)] && !Start(id)) return false;
    if (!MergeGates()) return false;
  }
  for (const auto& [gate, sides] : gates_) return Fail(NodeId{gate}, "takes rows that another phase makes");
  if (!FinishAppends()) return false;
  for (Chain& chain : chains_) {
    if (!FindPart(chain)) return false;
  }
  MakeDrafts();
  return true;
}

bool GroupWalk::Start(NodeId id) {
  const graph::Node& node = body_.node(id);
  // Waits for a chain that is not there yet: its operands come from the group.
  const bool waits = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
    return body_.value(input).kind == graph::ValueKind::kNode && IsMade(uses_.Rows(input)) &&
           body_.value(uses_.Rows(input)).type.kind != graph::Type::Kind::kKvCache;
  });
  if (gates_.count(id.value) != 0) return true;
  if (waits) return Fail(id, "takes what its phase makes elsewhere");
  Chain chain;
  if (node.op == Op::kLinear || node.op == Op::kEmbed) {
    return StartContraction(id, chain) && Walk(std::move(chain));
  }
  if (node.op == Op::kKvAppend) return true;  // FinishAppends
  std::size_t operand = 0;
  if (node.op == Op::kAdd) operand = MayUpdate(node.inputs[0], id) ? 1 : 0;
  chain.inputs = {uses_.Rows(node.inputs[operand])};
  if (IsGate(node.op)) chain.inputs.push_back(uses_.Rows(node.inputs[1]));
  const graph::Type& type = TypeOf(chain.inputs[0]);
  if (type.dtype != tensor::DType::kF32 || type.width == 0) return Fail(id, "takes no rows of f32");
  chain.value = node.op == Op::kPad ? node.output : chain.inputs[0];
  return Apply(chain, id) && Walk(std::move(chain));
}

bool GroupWalk::StartContraction(NodeId id, Chain& chain) {
  const graph::Node& node = body_.node(id);
  const ValueId weight = node.inputs[1];
  const tensor::DType type = TypeOf(weight).dtype;
  const std::string name(tensor::Row(type).name);
  if (!tensor::CanDequantize(type)) return Fail(id, "has weights of " + name);
  if (node.op == Op::kEmbed) {
    if (!facts_.plain_weights.empty() && facts_.plain_weights[static_cast<std::size_t>(weight.value)])
      return Fail(id, "looks up weights that a portable phase reads, too");
    if (TypeOf(node.output).width != facts_.hidden) return Fail(id, "gives other rows than the hidden ones");
  } else {
    const ValueId rows = uses_.Rows(node.inputs[0]);
    const auto activation = tensor::ActivationOf(TypeOf(rows).dtype);
    if (!activation) return Fail(id, "takes rows of plain f32");
    if (!kernels::HasTiles(tensor::ClassOf(type), *activation)) {
      return Fail(
          id, "has weights of " + name + " for rows of " + std::string(tensor::Row(TypeOf(rows).dtype).name));
    }
    chain.inputs = {rows};
    chain.gathered = TypeOf(node.output).rows == graph::Rows::kLogits;
  }
  chain.contraction = id;
  chain.weights = {weight};
  chain.nodes = {id};
  chain.value = node.output;
  done_[static_cast<std::size_t>(id.value)] = 1;
  return WriteValue(chain, id);
}

bool GroupWalk::Walk(Chain chain) {
  while (true) {
    const ValueId made = chain.rows ? *chain.rows : chain.value;
    const bool is_cache = chain.ended && !chain.rows;
    const std::vector<NodeId> next = is_cache ? std::vector<NodeId>() : MembersThatRead(made);
    if (next.empty()) break;
    if (chain.ended) return Fail(next[0], "takes rows that its phase makes");
    if (next.size() > 1) return Fail(next[1], "is the second use of a value in its phase");
    const graph::Node& node = body_.node(next[0]);
    if (node.op == Op::kLinear || node.op == Op::kAttention || node.op == Op::kGatherRows)
      return Fail(next[0], "takes what its phase makes");
    if (IsGate(node.op)) {
      gates_[next[0].value].push_back(std::move(chain));
      return true;
    }
    if (!Apply(chain, next[0])) return false;
  }
  const bool writes = chain.ended || chain.sum || chain.squares || chain.floats;
  if (!writes) {
    chain.floats = chain.value;
    chain.steps.Add({StepKind::kFloats});
  }
  chains_.push_back(std::move(chain));
  return true;
}

bool GroupWalk::MergeGates() {
  for (auto it = gates_.begin(); it != gates_.end(); ++it) {
    if (it->second.size() != 2) continue;
    const NodeId gate{it->first};
    std::vector<Chain> sides = std::move(it->second);
    gates_.erase(it);
    if (sides[0].value != body_.node(gate).inputs[0]) std::swap(sides[0], sides[1]);
    return Merge(gate, std::move(sides[0]), sides[1]) && MergeGates();
  }
  return true;
}

bool GroupWalk::Merge(NodeId gate, Chain chain, const Chain& up) {
  if (!chain.contraction || !up.contraction) return Fail(gate, "takes rows of which one is made elsewhere");
  const bool same_rows = chain.inputs == up.inputs && chain.gathered == up.gathered;
  const graph::Type &a = TypeOf(chain.weights[0]), &b = TypeOf(up.weights[0]);
  if (!same_rows || a.dtype != b.dtype || a.width != b.width || a.static_rows != b.static_rows)
    return Fail(gate, "gates contractions that are not alike");
  const bool stores = chain.floats || up.floats || chain.squares || up.squares || chain.sum || up.sum;
  if (stores || chain.norm || up.norm || !HasSameSteps(chain, up) || chain.norm_of != up.norm_of ||
      chain.eps != up.eps || chain.half >= 0 || up.half >= 0) {
    return Fail(gate, "gates results that are finished in different ways");
  }
  chain.weights.push_back(up.weights[0]);
  chain.bias.insert(chain.bias.end(), up.bias.begin(), up.bias.end());
  chain.nodes.insert(chain.nodes.end(), up.nodes.begin(), up.nodes.end());
  return Apply(chain, gate) && Walk(std::move(chain));
}

/// The sides of kv_append whose values come from other phases.
bool GroupWalk::FinishAppends() {
  for (const NodeId id : nodes_) {
    const graph::Node& node = body_.node(id);
    if (node.op != Op::kKvAppend) continue;
    for (const std::size_t operand : {1u, 2u}) {
      const ValueId value = node.inputs[operand];
      if (IsMade(value)) continue;
      Chain chain;
      chain.inputs = {value};
      chain.value = value;
      if (!Apply(chain, id) || !Walk(std::move(chain))) return false;
    }
  }
  return true;
}

/// 0, 1, 2: what a value becomes in attention, as q, k or v.
int GroupWalk::PartOf(ValueId id) const {
  for (const NodeId reader : uses_.Readers(id)) {
    const graph::Node& node = body_.node(reader);
    switch (node.op) {
      case Op::kAttention:
        return node.inputs[0] == id ? 0 : kNoPart;
      case Op::kKvAppend:
        return node.inputs[1] == id ? 1 : 2;
      case Op::kHeadNorm:
      case Op::kRope:
      case Op::kScaleRows:
      case Op::kAddBias:
      case Op::kScale:
        return PartOf(node.output);
      default:
        return kNoPart;
    }
  }
  return kNoPart;
}

bool GroupWalk::FindPart(Chain& chain) {
  const bool appends = chain.steps.Has(StepKind::kKey) || chain.steps.Has(StepKind::kValue);
  if (!appends) chain.part = PartOf(chain.value);
  if (chain.part == kNoPart && chain.heads_node) chain.part = 0;
  return true;
}

/// Chains alike enough for one phase become its parts; others are joined phases.
void GroupWalk::MakeDrafts() {
  const int dim = facts_.kv.head_dim;
  const auto works_on_heads = [](const Chain& chain) {
    return chain.heads_node || chain.steps.Has(StepKind::kKey) || chain.steps.Has(StepKind::kValue);
  };
  const auto may_be_part = [&](const Chain& chain) {
    return chain.part != kNoPart && dim > 0 && dim % tensor::PanelLayout::kUnitColumns == 0 && !chain.sum &&
           !chain.squares && !chain.rows && !chain.maxima && !chain.norm && !chain.post_norm &&
           !chain.steps.gated() && !chain.gathered;
  };
  const auto fits = [&](const Chain& a, const Chain& b) {
    if (a.contraction.has_value() != b.contraction.has_value() || a.part == b.part) return false;
    if (a.contraction && (a.inputs != b.inputs || TypeOf(a.weights[0]).dtype != TypeOf(b.weights[0]).dtype))
      return false;
    const bool same_rope =
        !a.rope || !b.rope || body_.node(*a.rope).attributes.theta == body_.node(*b.rope).attributes.theta;
    const bool same_scaling =
        !a.rope || !b.rope ||
        body_.node(*a.rope).attributes.scaling == body_.node(*b.rope).attributes.scaling;
    const bool same_order = a.part == 2 || b.part == 2 || a.half == b.half;
    return same_rope && same_scaling && same_order && a.norm_of == b.norm_of && a.eps == b.eps &&
           a.bias.empty() == b.bias.empty();
  };
  for (Chain& chain : chains_) {
    TileDraft* home = nullptr;
    for (TileDraft& draft : drafts_) {
      const bool all = may_be_part(chain) &&
                       std::all_of(draft.chains.begin(), draft.chains.end(), [&](const Chain& other) {
                         return may_be_part(other) && fits(chain, other);
                       });
      if (all) home = &draft;
    }
    if (home == nullptr) home = &drafts_.emplace_back();
    home->chains.push_back(std::move(chain));
  }
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    TileDraft& draft = drafts_[i];
    std::sort(draft.chains.begin(), draft.chains.end(),
              [](const Chain& a, const Chain& b) { return a.part < b.part; });
    draft.has_parts = draft.chains.size() > 1 || works_on_heads(draft.chains[0]);
    draft.joined = i + 1 < drafts_.size();
  }
}

}  // namespace vivace::compiler
