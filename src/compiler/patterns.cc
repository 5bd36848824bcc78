#include "compiler/patterns.h"

#include <algorithm>

#include "kernels/epilogue_spec.h"
#include "tensor/packed_panel.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

std::optional<ScaledLinear> MatchScaledLinear(const BodyEditor& editor, ValueId value) {
  ScaledLinear match;
  ValueId result = value;
  if (const auto scale_rows = editor.Producer(value, Op::kScaleRows)) {
    ValueId scale = editor.node(*scale_rows).inputs[1];
    match.nodes.push_back(*scale_rows);
    if (const auto gather = editor.Producer(scale, Op::kGatherRows)) {
      match.nodes.push_back(*gather);
      scale = editor.node(*gather).inputs[0];
    }
    match.scale = editor.Producer(scale, Op::kRmsScale);
    if (!match.scale) return std::nullopt;
    match.nodes.push_back(*match.scale);
    result = editor.node(*scale_rows).inputs[0];
    if (editor.Users(result).size() != 1 || editor.IsOutput(result)) return std::nullopt;
  }
  const auto linear = editor.Producer(result, Op::kLinear);
  if (!linear) return std::nullopt;
  match.nodes.push_back(*linear);
  match.input = editor.node(*linear).inputs[0];
  match.weight = editor.node(*linear).inputs[1];
  return match;
}

std::optional<WeightedQuantize> MatchWeightedQuantize(const BodyEditor& editor, ValueId x) {
  for (const NodeId mul : editor.Users(x)) {
    const graph::Node& node = editor.node(mul);
    if (node.op != Op::kMul || node.inputs[0] != x || !editor.IsWeight(node.inputs[1])) continue;
    const auto quantize = editor.OnlyUser(node.output, Op::kQuantize);
    if (quantize) return WeightedQuantize{mul, *quantize, node.inputs[1]};
  }
  return std::nullopt;
}

std::optional<Projection> MatchProjection(const BodyEditor& editor, ValueId value) {
  Projection match;
  std::optional<NodeId> node = editor.Producer(value);
  while (node) {
    match.nodes.push_back(*node);
    const graph::Node& at = editor.node(*node);
    if (at.op == Op::kLinear) {
      match.input = at.inputs[0];
      match.weight = at.inputs[1];
      if (!tensor::ActivationOf(editor.type(match.input).dtype)) return std::nullopt;
      return match;
    }
    const bool by_column =
        at.op == Op::kScaleRows || at.op == Op::kAddBias || at.op == Op::kScale || at.op == Op::kSoftcap;
    if (!by_column || !editor.IsUsedOnce(at.inputs[0])) return std::nullopt;
    node = editor.Producer(at.inputs[0]);
  }
  return std::nullopt;
}

bool HasTiledHeads(int head_dim) {
  constexpr int kUnit = tensor::PanelLayout::kUnitColumns;
  return head_dim > 0 && head_dim % kUnit == 0 && head_dim / kUnit <= kernels::kMaximumUnits;
}

std::vector<NodeId> MatchQuantize(const BodyEditor& editor, ValueId value) {
  if (const auto quantize = editor.OnlyUser(value, Op::kQuantize)) return {*quantize};
  const auto pad = editor.OnlyUser(value, Op::kPad);
  if (!pad || editor.node(*pad).group < 0 || editor.node(*pad).group != editor.GroupOf(value)) return {};
  const auto quantize = editor.OnlyUser(editor.node(*pad).output, Op::kQuantize);
  return quantize ? std::vector<NodeId>{*pad, *quantize} : std::vector<NodeId>();
}

std::vector<NodeId> Together(std::vector<NodeId> first, const std::vector<NodeId>& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

bool NoneGrouped(const BodyEditor& editor, const std::vector<NodeId>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [&](NodeId id) { return editor.node(id).group < 0; });
}

}  // namespace vivace::compiler
