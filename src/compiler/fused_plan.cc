#include "compiler/fused_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/program_frame.h"
#include "kernels/paged_attention.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;
using Nodes = std::vector<NodeId>;

class Planner {
 public:
  Planner(const graph::Body& body, const BodyUses& uses, const WalkFacts& facts)
      : body_(body), uses_(uses), facts_(facts) {}
  Result<FusedPlan> Run();

 private:
  void CollectGroups();
  void Add(Nodes nodes);
  bool AddWithoutReentry(const Nodes& nodes);
  bool AddAttention(const Nodes& nodes);
  void Cut(const Nodes& nodes, const Misfit& misfit);
  void AddSquares();
  void FindNeeds();
  Status Order();
  void FindLastUses();

  const graph::Body& body_;
  const BodyUses& uses_;
  const WalkFacts& facts_;
  std::vector<Draft> drafts_;
  struct Needs {
    std::vector<ValueId> rows, norms;
    std::vector<std::size_t> before;  // drafts that must run first
    int key = 0;                      // of two that could run, the one with the lower key does
  };
  std::vector<Needs> needs_;  // by draft
  FusedPlan plan_;
};

void Planner::CollectGroups() {
  std::map<int, Nodes> groups;
  std::vector<Nodes> all;
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) {
    const NodeId id{static_cast<std::int32_t>(i)};
    if (uses_.HasNoPhase(id)) continue;
    if (body_.nodes[i].group < 0) {
      all.push_back({id});
    } else {
      groups[body_.nodes[i].group].push_back(id);
    }
  }
  for (auto& [number, nodes] : groups) all.push_back(std::move(nodes));
  for (Nodes& nodes : all) Add(std::move(nodes));
}

void Planner::Add(Nodes nodes) {
  if (nodes.empty() || AddWithoutReentry(nodes) || AddAttention(nodes)) return;
  GroupWalk walk(body_, uses_, facts_, nodes);
  if (walk.Run()) {
    drafts_.push_back({Draft::Kind::kTiles, std::move(nodes), walk.Take(), {}});
  } else if (nodes.size() > 1) {
    Cut(nodes, walk.misfit());
  } else {
    const graph::Node& node = body_.node(nodes[0]);
    plan_.reasons.push_back("body '" + body_.name + "', %" + body_.value(node.output).name + " (" +
                            std::string(graph::Name(node.op)) + ") " + walk.misfit().why);
    drafts_.push_back({Draft::Kind::kPortable, std::move(nodes), {}, {}});
  }
}

/// Nodes that take what a phase outside of the group makes of the group's results become a group of their
/// own.
bool Planner::AddWithoutReentry(const Nodes& nodes) {
  for (std::size_t i = 0; i < body_.nodes.size() && nodes.size() > 1; ++i) {
    const NodeId outside{static_cast<std::int32_t>(i)};
    const bool follows =
        std::any_of(nodes.begin(), nodes.end(), [&](NodeId id) { return uses_.Reaches(id, outside); });
    const bool leads =
        std::any_of(nodes.begin(), nodes.end(), [&](NodeId id) { return uses_.Reaches(outside, id); });
    const bool is_member = std::find(nodes.begin(), nodes.end(), outside) != nodes.end();
    if (is_member || !follows || !leads || uses_.HasNoPhase(outside)) continue;
    Nodes before, after;
    for (const NodeId id : nodes) (uses_.Reaches(outside, id) ? after : before).push_back(id);
    Add(std::move(before));
    Add(std::move(after));
    return true;
  }
  return false;
}

/// The misfit and what follows from it become groups of their own.
void Planner::Cut(const Nodes& nodes, const Misfit& misfit) {
  Nodes before, after;
  for (const NodeId id : nodes) (uses_.Reaches(misfit.node, id) ? after : before).push_back(id);
  if (before.empty()) {
    before = {misfit.node};
    std::erase(after, misfit.node);
  }
  Add(std::move(before));
  Add(std::move(after));
}

bool Planner::AddAttention(const Nodes& nodes) {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [&](NodeId id) { return body_.node(id).op == Op::kAttention; });
  if (found == nodes.end()) return false;
  const graph::Node& attention = body_.node(*found);
  const graph::Attributes& a = attention.attributes;
  kernels::PagedAttentionSpec spec{a.heads, facts_.kv, a.scale, std::nullopt, a.window, a.softcap};
  if (nodes.size() == 1) {
    const Status fits = kernels::CheckPagedAttention(spec);
    if (!fits.ok()) {
      plan_.reasons.push_back("body '" + body_.name + "', %" + body_.value(attention.output).name +
                              " (attention) " + fits.message());
    }
    drafts_.push_back({fits.ok() ? Draft::Kind::kAttention : Draft::Kind::kPortable, nodes, {}, {}});
    return true;
  }
  const graph::Node& second = body_.node(nodes[1]);
  const graph::Type& rows = body_.value(second.output).type;
  spec.rows = tensor::ActivationOf(rows.dtype);
  const bool fits = nodes.size() == 2 && second.op == Op::kQuantize && second.inputs[0] == attention.output &&
                    uses_.Readers(attention.output).size() == 1 && spec.rows &&
                    kernels::CheckPagedAttention(spec).ok();
  if (fits) {
    drafts_.push_back({Draft::Kind::kAttention, nodes, {}, {}});
    return true;
  }
  Nodes others = nodes;
  std::erase(others, *found);
  Add({*found});
  Add(std::move(others));
  return true;
}

/// Sums of squares of values that no phase of tiles makes.
void Planner::AddSquares() {
  std::vector<char> summed(body_.values.size(), 0);
  for (const Draft& draft : drafts_) {
    for (const TileDraft& tile : draft.tiles) {
      for (const Chain& chain : tile.chains) {
        if (chain.squares) summed[static_cast<std::size_t>(chain.squares->value)] = 1;
      }
    }
  }
  for (std::size_t i = 0; i < body_.values.size(); ++i) {
    const ValueId id{static_cast<std::int32_t>(i)};
    if (!uses_.NeedsSquares(id) || summed[i] || body_.values[i].kind != graph::ValueKind::kNode) continue;
    Chain chain;
    chain.inputs = {id};
    chain.value = id;
    chain.squares = id;
    chain.steps.Add({kernels::StepKind::kSquares});
    TileDraft tile;
    tile.chains.push_back(std::move(chain));
    drafts_.push_back({Draft::Kind::kTiles, {}, {std::move(tile)}, id});
  }
}

void Planner::FindNeeds() {
  std::vector<int> maker(body_.values.size(), -1), squares_maker(body_.values.size(), -1);
  needs_.resize(drafts_.size());
  for (std::size_t d = 0; d < drafts_.size(); ++d) {
    const Draft& draft = drafts_[d];
    Needs& needs = needs_[d];
    for (const NodeId id : draft.nodes) {
      maker[static_cast<std::size_t>(body_.node(id).output.value)] = static_cast<int>(d);
      needs.key = std::max(needs.key, id.value);
      for (const ValueId input : body_.node(id).inputs) {
        if (body_.value(input).kind == graph::ValueKind::kWeight) continue;
        const ValueId norm = uses_.NormOf(input);
        (norm != uses_.Rows(input) ? needs.norms : needs.rows).push_back(norm);
      }
    }
    for (const TileDraft& tile : draft.tiles) {
      for (const Chain& chain : tile.chains) {
        if (chain.squares)
          squares_maker[static_cast<std::size_t>(chain.squares->value)] = static_cast<int>(d);
      }
    }
    if (!draft.squares_of) continue;
    needs.rows.push_back(*draft.squares_of);
    needs.key = body_.value(*draft.squares_of).node.value;
  }
  for (std::size_t d = 0; d < drafts_.size(); ++d) {
    const auto need = [&](int other) {
      if (other >= 0 && static_cast<std::size_t>(other) != d)
        needs_[d].before.push_back(static_cast<std::size_t>(other));
    };
    for (const ValueId id : needs_[d].rows) need(maker[static_cast<std::size_t>(id.value)]);
    for (const ValueId id : needs_[d].norms) need(squares_maker[static_cast<std::size_t>(id.value)]);
    for (const TileDraft& tile : drafts_[d].tiles) {
      for (const Chain& chain : tile.chains) {
        for (std::size_t e = 0; chain.residual && e < drafts_.size(); ++e) {
          const std::vector<ValueId>& rows = needs_[e].rows;
          if (std::find(rows.begin(), rows.end(), *chain.residual) != rows.end()) need(static_cast<int>(e));
        }
      }
    }
  }
}

Status Planner::Order() {
  std::vector<char> done(drafts_.size(), 0);
  std::vector<Needs> ordered;
  for (std::size_t count = 0; count < drafts_.size(); ++count) {
    int next = -1;
    for (std::size_t d = 0; d < drafts_.size(); ++d) {
      const std::vector<std::size_t>& before = needs_[d].before;
      const bool ready = !done[d] && std::all_of(before.begin(), before.end(),
                                                 [&](std::size_t other) { return done[other] != 0; });
      if (ready && (next < 0 || needs_[d].key < needs_[static_cast<std::size_t>(next)].key))
        next = static_cast<int>(d);
    }
    if (next < 0) return Unsupported("body '" + body_.name + "': phases need each other's results");
    done[static_cast<std::size_t>(next)] = 1;
    plan_.drafts.push_back(std::move(drafts_[static_cast<std::size_t>(next)]));
    ordered.push_back(std::move(needs_[static_cast<std::size_t>(next)]));
  }
  needs_ = std::move(ordered);
  return Status::Ok();
}

void Planner::FindLastUses() {
  plan_.last_use.assign(body_.values.size(), -1);
  plan_.last_norm.assign(body_.values.size(), -1);
  for (std::size_t turn = 0; turn < needs_.size(); ++turn) {
    for (const ValueId id : needs_[turn].rows) {
      plan_.last_use[static_cast<std::size_t>(id.value)] = static_cast<int>(turn);
    }
    for (const ValueId id : needs_[turn].norms) {
      plan_.last_norm[static_cast<std::size_t>(id.value)] = static_cast<int>(turn);
    }
  }
  for (const ValueId id : body_.outputs) {
    plan_.last_use[static_cast<std::size_t>(id.value)] = static_cast<int>(needs_.size());
  }
}

Result<FusedPlan> Planner::Run() {
  CollectGroups();
  AddSquares();
  FindNeeds();
  if (const Status status = Order(); !status.ok()) return status;
  FindLastUses();
  return std::move(plan_);
}

}  // namespace

Result<FusedPlan> PlanPhases(const graph::Body& body, const BodyUses& uses, const WalkFacts& facts) {
  return Planner(body, uses, facts).Run();
}

}  // namespace vivace::compiler
