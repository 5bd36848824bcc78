// Groups the gate and the up projection of a gated feed-forward with the gating: one contraction over the
// rows that they share. Both are packed into one panel, so their weights must be of one type and shape, in
// whole units of columns.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

constexpr int kUnitColumns = 32;

std::vector<NodeId> MatchGateUp(const BodyEditor& editor, NodeId gating) {
  const graph::Node& node = editor.node(gating);
  const ValueId gate = node.inputs[0], up = node.inputs[1];
  if (gate == up || !editor.IsUsedOnce(gate) || !editor.IsUsedOnce(up)) return {};
  const auto first = MatchProjection(editor, gate), second = MatchProjection(editor, up);
  if (!first || !second || first->input != second->input || first->weight == second->weight) return {};
  const graph::Type& weight = editor.type(first->weight);
  if (weight != editor.type(second->weight) || weight.static_rows % kUnitColumns != 0) return {};
  // The two chains become one list of steps on pairs of units.
  if (first->nodes.size() != second->nodes.size()) return {};
  for (std::size_t i = 0; i < first->nodes.size(); ++i) {
    const graph::Node &a = editor.node(first->nodes[i]), &b = editor.node(second->nodes[i]);
    if (a.op != b.op || a.attributes != b.attributes) return {};
    if (a.op == Op::kScaleRows && a.inputs[1] != b.inputs[1]) return {};
  }
  return Together(Together(first->nodes, second->nodes), {gating});
}

}  // namespace

Result<bool> FuseGateUp(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != Op::kSiluMul && body.nodes[i].op != Op::kGeluMul) continue;
      const std::vector<NodeId> nodes = MatchGateUp(editor, NodeId{static_cast<std::int32_t>(i)});
      if (!nodes.empty()) changed |= editor.Join(nodes);
    }
  }
  return changed;
}

}  // namespace vivace::compiler
