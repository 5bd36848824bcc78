// Deferred RMSNorm. linear(quantize(rms_norm(x, w))) becomes scale_rows(linear(quantize(x * w)),
// rms_scale(x)): quantisation no longer waits for the whole row's sum of squares, so the producer of x can do
// it in its epilogue, and the scale, one number a row, is applied to the result. Quantisation now sees x * w
// before the scale: a rounding point moves.

#include <algorithm>

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

struct Deferral {
  NodeId norm, quantize;
  std::vector<ValueId> results;     // of the linear layers on the quantised rows
  std::optional<ValueId> gathered;  // set when rows are selected between quantisation and linear layer
};

/// The results of the linear layers that use `value`; false when something else uses it.
bool CollectLinears(const BodyEditor& editor, ValueId value, std::vector<ValueId>& results) {
  for (const NodeId user : editor.Users(value)) {
    if (editor.node(user).op != Op::kLinear) return false;
    results.push_back(editor.node(user).output);
  }
  return !editor.IsOutput(value) && !results.empty();
}

std::optional<Deferral> Match(const BodyEditor& editor, NodeId norm) {
  if (editor.node(norm).op != Op::kRmsNorm) return std::nullopt;
  if (editor.node(norm).attributes.offset != 0) return std::nullopt;  // mul takes the weight as it is
  const auto quantize = editor.OnlyUser(editor.node(norm).output, Op::kQuantize);
  if (!quantize) return std::nullopt;
  Deferral deferral{norm, *quantize, {}, std::nullopt};
  ValueId rows = editor.node(*quantize).output;
  if (const auto gather = editor.OnlyUser(rows, Op::kGatherRows)) {
    rows = editor.node(*gather).output;
    deferral.gathered = rows;
  }
  if (!CollectLinears(editor, rows, deferral.results)) return std::nullopt;
  return deferral;
}

void Apply(BodyEditor& editor, const Deferral& deferral) {
  graph::Node& norm = editor.node(deferral.norm);
  const ValueId x = norm.inputs[0];
  const graph::Attributes attributes = norm.attributes;
  const std::string name = editor.body().value(norm.output).name;
  norm.op = Op::kMul;
  norm.attributes = {};
  graph::Type type = editor.type(x);
  type.width = 0;
  ValueId scale =
      editor.InsertAfter(deferral.quantize, Op::kRmsScale, name + ".scale", {x}, type, attributes);
  if (deferral.gathered) {
    type.rows = graph::Rows::kLogits;
    scale = editor.InsertAfter(editor.body().value(*deferral.gathered).node, Op::kGatherRows,
                               name + ".scale_rows", {scale}, type);
  }
  for (const ValueId result : deferral.results) {
    graph::Value& value = editor.body().value(result);
    const std::string result_name = value.name;
    value.name += ".raw";
    const ValueId scaled =
        editor.InsertAfter(value.node, Op::kScaleRows, result_name, {result, scale}, editor.type(result));
    editor.ReplaceUses(result, scaled, editor.body().value(scaled).node);
  }
}

}  // namespace

Result<bool> OldFuseNormQuant(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const auto deferral = Match(editor, NodeId{static_cast<std::int32_t>(i)});
      if (!deferral) continue;
      Apply(editor, *deferral);
      changed = true;
    }
  }
  return changed;
}

}  // namespace vivace::compiler
