#include "compiler/patterns.h"

#include "kernels/epilogue_spec.h"
#include "tensor/packed_panel.h"

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

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

}  // namespace vivace::compiler
