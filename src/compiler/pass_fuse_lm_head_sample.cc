// Groups the output projection with the selection of the rows whose logits are wanted, the norm's scale and
// the soft-cap, and adds the maxima of every 32 logits, from which greedy and fused sampling start.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"
#include "kernels/epilogue_spec.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

/// Selections of rows that only these nodes use.
std::vector<NodeId> Gathers(const BodyEditor& editor, const std::vector<NodeId>& nodes) {
  std::vector<NodeId> gathers;
  for (const NodeId id : nodes) {
    for (const ValueId input : editor.node(id).inputs) {
      if (const auto gather = editor.OnlyProducer(input, Op::kGatherRows)) gathers.push_back(*gather);
    }
  }
  return gathers;
}

}  // namespace

Result<bool> FuseLmHeadSample(graph::Graph& graph, const PassContext&) {
  graph::Body& body = graph.body(graph.epilogue.body);
  BodyEditor editor(body);
  const ValueId logits = body.outputs[0];
  const auto match = MatchProjection(editor, logits);
  if (!match || editor.type(logits).rows != graph::Rows::kLogits) return false;
  std::vector<NodeId> nodes = Together(match->nodes, Gathers(editor, match->nodes));
  bool changed = false;
  if (body.outputs.size() == 1) {
    graph::Type type = editor.type(logits);
    type.width = kernels::MaximaRows{type.width}.row_stride() / 4;
    body.outputs.push_back(editor.Append(Op::kMaxima, "maxima", {logits}, type));
    changed = true;
  }
  if (const auto maxima = editor.Producer(body.outputs.back(), Op::kMaxima)) nodes.push_back(*maxima);
  return editor.Join(nodes) || changed;
}

}  // namespace vivace::compiler
