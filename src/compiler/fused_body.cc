#include "compiler/fused_body.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "kernels/epilogue_spec.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;
using graph::ValueId;
using program::BufferId;
using program::PhaseKind;
using tensor::ColumnOrder;

namespace {

bool IsGated(const TileDraft& tile) {
  return tile.chains[0].steps.gated();
}

/// The order of a phase's columns, by its heads or its gate.
SlotOrder OrderOf(const graph::Body& body, const TileDraft& tile, int head_dim) {
  if (IsGated(tile))
    return {tile.chains[0].contraction ? ColumnOrder::kGateUpPairs : ColumnOrder::kPlain, 0, 0};
  SlotOrder order;
  for (const Chain& chain : tile.chains) {
    if (chain.half < 0) continue;
    order.order = chain.half == 1 ? ColumnOrder::kRopeHalves : ColumnOrder::kRopePairs;
    order.head_dim = head_dim;
    order.rope_rows += chain.contraction ? body.value(chain.weights[0]).type.static_rows
                                         : body.value(chain.inputs[0]).type.width;
  }
  return order;
}

/// "qkv", "kv": which of q, k and v a phase makes.
std::string PartNames(const TileDraft& tile) {
  std::string name;
  for (const Chain& chain : tile.chains) name += "qkv"[chain.part];
  return name;
}

}  // namespace

FusedBody::FusedBody(const graph::Body& body, const BodyUses& uses, ProgramFrame& frame,
                     const FusedPlan& plan)
    : body_(body),
      uses_(uses),
      frame_(frame),
      plan_(plan),
      nodes_(body, frame, plan.last_use),
      named_(body.nodes.size(), 0) {}

Status FusedBody::Run() {
  for (const Draft& draft : plan_.drafts) {
    if (draft.kind == Draft::Kind::kAttention) VIVACE_RETURN_IF_ERROR(AddAttention(draft));
    if (draft.kind == Draft::Kind::kPortable) {
      VIVACE_RETURN_IF_ERROR(nodes_.Lower(static_cast<std::size_t>(draft.nodes[0].value), turn_));
    }
    for (const TileDraft& tile : draft.tiles) VIVACE_RETURN_IF_ERROR(AddTiles(draft, tile));
    nodes_.ReleaseDead(turn_);
    ReleaseSquares();
    ++turn_;
  }
  return nodes_.CheckOutputs();
}

Result<BufferId> FusedBody::Read(ValueId value) const {
  if (const auto place = nodes_.place(value)) return *place;
  return Unsupported("body '" + body_.name + "': %" + body_.value(value).name +
                     " is in no buffer when it is needed");
}

/// The buffer of the squares of a value that bodies hand on.
std::optional<std::string> FusedBody::CarriedSquaresName(ValueId value) const {
  for (const std::vector<ValueId>& ids : {CarriedInputs(body_), CarriedOutputs(body_)}) {
    int place = 0;
    for (const ValueId id : ids) {
      if (id == value) return place == 0 ? "squares" : "squares." + std::to_string(place);
      const graph::Type& type = body_.value(id).type;
      place += type.dtype == tensor::DType::kF32 && type.rows == graph::Rows::kTokens;
    }
  }
  return std::nullopt;
}

Result<BufferId> FusedBody::SquaresOf(ValueId value) {
  const int bytes = 4 * kernels::SquareStride(frame_.program().hidden);
  if (const auto name = CarriedSquaresName(value)) return frame_.Carried(*name, bytes);
  const auto [found, fresh] = squares_.try_emplace(value.value);
  if (fresh) found->second = frame_.TakeScratch(bytes, false, true);
  return found->second;
}

void FusedBody::ReleaseSquares() {
  for (auto it = squares_.begin(); it != squares_.end();) {
    const bool dead = plan_.last_norm[static_cast<std::size_t>(it->first)] <= turn_;
    if (dead) frame_.Release(it->second);
    it = dead ? squares_.erase(it) : std::next(it);
  }
}

Status FusedBody::SetReads(const TileDraft& tile, program::Phase& phase) {
  const Chain& first = tile.chains[0];
  if (phase.kind == PhaseKind::kPanelGemm) {
    VIVACE_ASSIGN_OR_RETURN(const BufferId rows, Read(first.inputs[0]));
    phase.reads.push_back(rows);
  } else {
    for (const Chain& chain : tile.chains) {
      for (const ValueId input : chain.inputs) {
        VIVACE_ASSIGN_OR_RETURN(const BufferId floats, Read(input));
        phase.reads.push_back(floats);
      }
    }
  }
  if (!first.norm_of) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const BufferId squares, SquaresOf(*first.norm_of));
  phase.reads.push_back(squares);
  return Status::Ok();
}

Status FusedBody::SetWrites(const TileDraft& tile, program::Phase& phase) {
  const Chain& first = tile.chains[0];
  if (first.residual) {
    VIVACE_ASSIGN_OR_RETURN(const BufferId x, Read(*first.residual));
    phase.writes.push_back(x);
    nodes_.Put(*first.sum, x);
  }
  if (first.squares) {
    VIVACE_ASSIGN_OR_RETURN(const BufferId squares, SquaresOf(*first.squares));
    phase.writes.push_back(squares);
  }
  std::vector<ValueId> fresh;
  for (const Chain& chain : tile.chains) {
    if (chain.floats) fresh.push_back(*chain.floats);
  }
  if (first.rows) fresh.push_back(*first.rows);
  if (first.maxima) fresh.push_back(*first.maxima);
  for (const ValueId value : fresh) {
    VIVACE_ASSIGN_OR_RETURN(const BufferId buffer, nodes_.PlaceFresh(value, turn_));
    phase.writes.push_back(buffer);
  }
  for (const BufferId id : phase.writes) {
    if (std::find(phase.reads.begin(), phase.reads.end(), id) == phase.reads.end()) continue;
    return Unsupported("body '" + body_.name + "': " + phase.label + " would overwrite what it reads");
  }
  return Status::Ok();
}

void FusedBody::SetFacts(const TileDraft& tile, program::Phase& phase) {
  const Chain& first = tile.chains[0];
  for (const Chain& chain : tile.chains) {
    phase.steps[static_cast<std::size_t>(tile.has_parts ? chain.part : 0)] = chain.steps;
    if (chain.rope) phase.rope = frame_.RopeOf(body_.node(*chain.rope).attributes);
    if (chain.norm_of) phase.eps = chain.eps;
    if (phase.kind != PhaseKind::kRowSteps) continue;
    for (const ValueId input : chain.inputs) phase.n += body_.value(input).type.width;
  }
  if (tile.has_parts) {
    phase.head_dim = frame_.program().kv.head_dim;
    for (const Chain& chain : tile.chains) {
      if (chain.part != 0) continue;
      const int width = chain.contraction ? body_.value(chain.weights[0]).type.static_rows
                                          : body_.value(chain.inputs[0]).type.width;
      phase.heads = width / phase.head_dim;
    }
  }
  if (first.rows) {
    const graph::Type& rows = body_.value(*first.rows).type;
    phase.output = *tensor::ActivationOf(rows.dtype);
    phase.output_k = rows.width;
  }
  phase.logit_rows = first.gathered || body_.value(first.value).type.rows == graph::Rows::kLogits;
}

void FusedBody::SetWeights(const TileDraft& tile, program::Phase& phase) {
  const Chain& first = tile.chains[0];
  const SlotOrder order = OrderOf(body_, tile, frame_.program().kv.head_dim);
  const std::string group = IsGated(tile) && first.contraction ? "gate_up"
                            : tile.chains.size() > 1           ? PartNames(tile)
                                                               : "";
  PackedSlots& slots = nodes_.slots();
  std::vector<ValueId> panel;
  std::vector<VectorUse> bias;
  for (const Chain& chain : tile.chains) {
    panel.insert(panel.end(), chain.weights.begin(), chain.weights.end());
    bias.insert(bias.end(), chain.bias.begin(), chain.bias.end());
  }
  if (phase.kind != PhaseKind::kRowSteps) {
    const graph::Type& type = body_.value(panel[0]).type;
    int k = type.width;
    if (phase.kind == PhaseKind::kPanelGemm) {
      const graph::Type& rows = body_.value(first.inputs[0]).type;
      phase.input = *tensor::ActivationOf(rows.dtype);
      k = rows.width;
    } else {
      k = (k + tensor::QuantizedRows::kGroup - 1) / tensor::QuantizedRows::kGroup *
          tensor::QuantizedRows::kGroup;
    }
    phase.weights.push_back(slots.AddPanel(body_, group, panel, k, order));
    phase.type = type.dtype;
    phase.k = k;
    phase.n = slots.packing(phase.weights[0]).layout.n;
  } else {
    phase.order = order.order;
    phase.rope_rows = order.rope_rows;
  }
  if (!bias.empty()) {
    const std::string name = group.empty() ? "" : group + "_bias";
    phase.weights.push_back(slots.AddVector(body_, name, bias, order));
  }
  if (first.post_norm) phase.weights.push_back(slots.AddVector(body_, "", {*first.post_norm}));
  if (first.norm) phase.weights.push_back(slots.AddVector(body_, "", {*first.norm}));
  const SlotOrder of_head{order.order, order.order == ColumnOrder::kPlain ? 0 : order.head_dim,
                          order.head_dim};
  for (const Chain& chain : tile.chains) {
    if (chain.head_norm) phase.weights.push_back(slots.AddVector(body_, "", {*chain.head_norm}, of_head));
  }
}

std::string FusedBody::LabelOf(const TileDraft& tile) const {
  const Chain& first = tile.chains[0];
  if (first.contraction && body_.node(*first.contraction).op == Op::kEmbed) return "embed";
  if (first.gathered) return "logits";
  if (first.contraction && IsGated(tile)) return "gate_up";
  if (tile.chains.size() > 1) return PartNames(tile);
  if (first.contraction) return body_.value(first.weights[0]).name;
  if (first.rows) return body_.value(*first.rows).name;
  return body_.value(first.value).name;
}

/// The nodes that a phase computes, with those before them that have no phase of their own.
void FusedBody::AddNames(const Draft& draft, const TileDraft* tile, program::Phase& phase) {
  std::vector<NodeId> nodes = draft.nodes;
  if (tile != nullptr) {
    nodes.clear();
    for (const Chain& chain : tile->chains) nodes.insert(nodes.end(), chain.nodes.begin(), chain.nodes.end());
  }
  std::sort(nodes.begin(), nodes.end());
  std::vector<NodeId> all;
  const auto add = [&](NodeId id) {
    char& named = named_[static_cast<std::size_t>(id.value)];
    if (!named) all.push_back(id);
    named = 1;
  };
  for (const NodeId id : nodes) {
    for (ValueId input : body_.node(id).inputs) {
      while (body_.value(input).kind == graph::ValueKind::kNode &&
             uses_.HasNoPhase(body_.value(input).node)) {
        add(body_.value(input).node);
        input = body_.node(body_.value(input).node).inputs[0];
      }
    }
    add(id);
  }
  std::sort(all.begin(), all.end());
  for (const NodeId id : all) phase.fused.push_back(body_.value(body_.node(id).output).name);
}

Status FusedBody::AddTiles(const Draft& draft, const TileDraft& tile) {
  const Chain& first = tile.chains[0];
  program::Phase phase{};
  phase.kind = !first.contraction                                ? PhaseKind::kRowSteps
               : body_.node(*first.contraction).op == Op::kEmbed ? PhaseKind::kPanelEmbed
                                                                 : PhaseKind::kPanelGemm;
  phase.label = LabelOf(tile);
  phase.joined = tile.joined;
  AddNames(draft, &tile, phase);
  SetFacts(tile, phase);
  SetWeights(tile, phase);
  VIVACE_RETURN_IF_ERROR(SetReads(tile, phase));
  VIVACE_RETURN_IF_ERROR(SetWrites(tile, phase));
  Finish(std::move(phase));
  return Status::Ok();
}

Status FusedBody::AddAttention(const Draft& draft) {
  const graph::Node& node = body_.node(draft.nodes[0]);
  const ValueId output = body_.node(draft.nodes.back()).output;
  program::Phase phase{};
  phase.kind = PhaseKind::kPagedAttention;
  phase.label = "attention";
  AddNames(draft, nullptr, phase);
  phase.heads = node.attributes.heads;
  phase.head_dim = node.attributes.head_dim;
  phase.scale = node.attributes.scale;
  phase.window = node.attributes.window;
  phase.softcap = node.attributes.softcap;
  const auto rows = tensor::ActivationOf(body_.value(output).type.dtype);
  phase.float_output = !rows;
  if (rows) {
    phase.output = *rows;
    phase.output_k = body_.value(output).type.width;
  }
  VIVACE_ASSIGN_OR_RETURN(const BufferId q, Read(node.inputs[0]));
  phase.reads = {q};
  VIVACE_ASSIGN_OR_RETURN(const BufferId buffer, nodes_.PlaceFresh(output, turn_));
  phase.writes = {buffer};
  Finish(std::move(phase));
  return Status::Ok();
}

void FusedBody::Finish(program::Phase phase) {
  program::SetSpec(frame_.program(), phase);
  nodes_.Add(std::move(phase));
}

}  // namespace vivace::compiler
