#include "compiler/patterns.h"

#include <algorithm>

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

bool NoneGrouped(const BodyEditor& editor, const std::vector<NodeId>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [&](NodeId id) { return editor.node(id).group < 0; });
}

}  // namespace vivace::compiler
