#include "compiler/packed_slots.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace vivace::compiler {
namespace {

using graph::ValueId;
using program::WeightForm;

const std::string& SourceOf(const graph::Layer& layer, ValueId weight) {
  const auto found = std::find_if(layer.bindings.begin(), layer.bindings.end(),
                                  [&](const graph::Binding& binding) { return binding.weight == weight; });
  return found->source;  // the graph is verified: each weight is bound
}

/// "blk.3.attn_output" for blk.3.attn_output.weight; "blk.3.qkv" for several sources of group "qkv".
std::string PackedName(const std::string& source, const std::string& group) {
  constexpr std::string_view kSuffix = ".weight";
  std::string name = source;
  if (name.size() > kSuffix.size() && name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
  if (group.empty()) return name;
  const std::size_t dot = name.rfind('.', name.ends_with(".bias") ? name.size() - 6 : std::string::npos);
  return (dot == std::string::npos ? "" : name.substr(0, dot + 1)) + group;
}

void SetOrder(program::Weight& packing, const SlotOrder& order) {
  packing.order = order.order;
  packing.rope_rows = order.rope_rows;
  packing.head_dim = order.head_dim;
}

}  // namespace

std::string PackedSlots::FreshName(const std::string& name) const {
  std::string fresh = name;
  const auto taken = [&](const Slot& slot) { return slot.name == fresh; };
  for (int i = 1; std::any_of(slots_.begin(), slots_.end(), taken); ++i)
    fresh = name + "." + std::to_string(i);
  return fresh;
}

program::SlotId PackedSlots::Add(Slot slot) {
  slot.name = FreshName(slot.name);
  slots_.push_back(std::move(slot));
  return program::SlotId{static_cast<std::int32_t>(slots_.size()) - 1};
}

program::SlotId PackedSlots::AddPanel(const graph::Body& body, const std::string& group,
                                      const std::vector<ValueId>& weights, int k, const SlotOrder& order) {
  const graph::Type& first = body.value(weights[0]).type;
  Slot slot{group.empty() ? body.value(weights[0]).name : group, group, weights, {}};
  slot.packing.form = WeightForm::kPanel;
  slot.packing.layout = {tensor::ClassOf(first.dtype), k, 0};
  if (first.width != k) slot.packing.layout.source_k = first.width;
  for (const ValueId id : weights) slot.packing.layout.n += body.value(id).type.static_rows;
  SetOrder(slot.packing, order);
  return Add(std::move(slot));
}

program::SlotId PackedSlots::AddVector(const graph::Body& body, const std::string& group,
                                       const std::vector<VectorUse>& vectors, const SlotOrder& order) {
  Slot slot{group.empty() ? body.value(vectors[0].weight).name : group, group, {}, {}};
  slot.packing.form = WeightForm::kVector;
  slot.packing.offset = vectors[0].offset;
  for (const VectorUse& use : vectors) {
    slot.weights.push_back(use.weight);
    slot.packing.layout.n += body.value(use.weight).type.width;
  }
  SetOrder(slot.packing, order);
  return Add(std::move(slot));
}

program::SlotId PackedSlots::AddPlain(const graph::Body& body, ValueId weight) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const bool same = slots_[i].packing.form == WeightForm::kPlain && slots_[i].weights[0] == weight;
    if (same) return program::SlotId{static_cast<std::int32_t>(i)};
  }
  return Add({body.value(weight).name, "", {weight}, {}});
}

std::vector<std::string> PackedSlots::Names() const {
  std::vector<std::string> names;
  for (const Slot& slot : slots_) names.push_back(slot.name);
  return names;
}

std::vector<program::Weight> PackedSlots::Bind(const graph::Layer& layer) const {
  std::vector<program::Weight> weights;
  weights.reserve(slots_.size());
  for (const Slot& slot : slots_) {
    program::Weight weight = slot.packing;
    for (const ValueId id : slot.weights) weight.sources.push_back(SourceOf(layer, id));
    const bool plain = weight.form == WeightForm::kPlain;
    weight.name = plain ? weight.sources[0] : PackedName(weight.sources[0], slot.group);
    weights.push_back(std::move(weight));
  }
  return weights;
}

}  // namespace vivace::compiler
