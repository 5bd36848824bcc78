#include "compiler/packed_slots.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "kernels/gemm_tile.h"
#include "tensor/dequantize.h"

namespace vivace::compiler {
namespace {

using graph::ValueId;

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
  const std::size_t dot = name.rfind('.');
  return (dot == std::string::npos ? "" : name.substr(0, dot + 1)) + group;
}

}  // namespace

bool PackedSlots::Takes(const graph::Type& type) {
  if (!tensor::CanDequantize(type.dtype)) return false;
  const tensor::WeightClassRow& row = tensor::Row(tensor::ClassOf(type.dtype));
  return row.activation == tensor::ActivationType::kU8Group32 &&
         kernels::HasIntegerTiles(row.id, row.activation) &&
         type.width % std::max(row.block_k, tensor::QuantizedRows::kGroup) == 0;
}

Status PackedSlots::CheckWeight(const graph::Body& body, ValueId weight) {
  const graph::Type& type = body.value(weight).type;
  if (Takes(type)) return Status::Ok();
  return Unsupported("body '" + body.name + "', @" + body.value(weight).name + " is " +
                     graph::TypeText(type) +
                     "; panels take the quantised types, with rows of a multiple of their block");
}

Result<program::SlotId> PackedSlots::AddPanel(const graph::Body& body, const std::string& name,
                                              const std::vector<ValueId>& weights,
                                              tensor::ColumnOrder order) {
  const graph::Type& first = body.value(weights[0]).type;
  Slot slot{name.empty() ? body.value(weights[0]).name : name, name, weights, {}};
  slot.packing.packed = true;
  slot.packing.order = order;
  slot.packing.layout = {tensor::ClassOf(first.dtype), first.width, 0};
  for (const ValueId id : weights) {
    const graph::Value& weight = body.value(id);
    const std::string what = "body '" + body.name + "', @" + weight.name + " is ";
    VIVACE_RETURN_IF_ERROR(CheckWeight(body, id));
    if (weight.type.dtype != first.dtype) {
      return Unsupported(what + "of another type than @" + body.value(weights[0]).name +
                         ", with which it would be packed");
    }
    if (weights.size() > 1 && weight.type.static_rows % tensor::PanelLayout::kUnitColumns != 0) {
      return Unsupported(what + "of " + std::to_string(weight.type.static_rows) +
                         " rows; to be packed with others it needs a multiple of 32");
    }
    slot.packing.layout.n += weight.type.static_rows;
  }
  slots_.push_back(std::move(slot));
  return program::SlotId{static_cast<std::int32_t>(slots_.size()) - 1};
}

program::SlotId PackedSlots::AddPlain(const graph::Body& body, ValueId weight) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const bool same = !slots_[i].packing.packed && slots_[i].weights[0] == weight;
    if (same) return program::SlotId{static_cast<std::int32_t>(i)};
  }
  slots_.push_back({body.value(weight).name, "", {weight}, {}});
  return program::SlotId{static_cast<std::int32_t>(slots_.size()) - 1};
}

void PackedSlots::SetRope(program::SlotId panel, int rope_rows, int head_dim) {
  program::Weight& packing = slots_[static_cast<std::size_t>(panel.value)].packing;
  packing.rope_rows = rope_rows;
  packing.head_dim = head_dim;
}

void PackedSlots::SetShape(program::SlotId panel, program::Phase& phase) const {
  const tensor::PanelLayout& layout = slots_[static_cast<std::size_t>(panel.value)].packing.layout;
  phase.type = *tensor::DTypeOf(layout.type);
  phase.k = layout.k;
  phase.n = layout.n;
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
    weight.name = weight.packed ? PackedName(weight.sources[0], slot.group) : weight.sources[0];
    weights.push_back(std::move(weight));
  }
  return weights;
}

}  // namespace vivace::compiler
