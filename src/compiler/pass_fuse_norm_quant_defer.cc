// Deferred RMSNorm: quantisation no longer waits for the whole row's sum of squares, so the producer of x can
// do it in its epilogue, and the scale, one number a row, is applied to the results of the linear layers.
// Quantisation then sees x * w before the scale: a rounding point moves.

#include <algorithm>

#include "compiler/body_editor.h"
#include "compiler/pass_fuse_norm_quant.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

struct Deferral {
  ValueId product, scaled, x, scale;  // mul(scaled, w), scaled = scale_rows(x, scale)
  struct Result {
    ValueId value;                    // of a linear layer
    std::optional<ValueId> gathered;  // its rows, when they are selected after quantisation
  };
  std::vector<Result> results;
};

/// Adds the results of the linear layers on rows; false when something else takes the rows.
bool CollectLinears(const BodyEditor& editor, ValueId rows, std::optional<ValueId> gathered,
                    std::vector<Deferral::Result>& results) {
  for (const NodeId user : editor.Users(rows)) {
    const graph::Node& node = editor.node(user);
    if (node.op == Op::kLinear) {
      results.push_back({node.output, gathered});
    } else if (node.op != Op::kGatherRows || !CollectLinears(editor, node.output, node.output, results)) {
      return false;
    }
  }
  return !editor.IsOutput(rows);
}

/// The same for the users of the product before quantisation, padded or not.
bool CollectRows(const BodyEditor& editor, ValueId product, std::vector<Deferral::Result>& results) {
  for (const NodeId user : editor.Users(product)) {
    const graph::Node& node = editor.node(user);
    const bool fits = node.op == Op::kPad        ? CollectRows(editor, node.output, results)
                      : node.op == Op::kQuantize ? CollectLinears(editor, node.output, {}, results)
                                                 : false;
    if (!fits) return false;
  }
  return !editor.IsOutput(product);
}

std::optional<Deferral> Match(const BodyEditor& editor, const graph::Node& mul) {
  if (mul.op != Op::kMul || !editor.IsWeight(mul.inputs[1])) return std::nullopt;
  const auto scaled = editor.OnlyProducer(mul.inputs[0], Op::kScaleRows);
  if (!scaled) return std::nullopt;
  const ValueId x = editor.node(*scaled).inputs[0], scale = editor.node(*scaled).inputs[1];
  const auto rms_scale = editor.Producer(scale, Op::kRmsScale);
  if (!rms_scale || editor.node(*rms_scale).inputs[0] != x) return std::nullopt;
  Deferral deferral{mul.output, mul.inputs[0], x, scale, {}};
  if (!CollectRows(editor, mul.output, deferral.results) || deferral.results.empty()) return std::nullopt;
  return deferral;
}

void ScaleResult(BodyEditor& editor, ValueId result, ValueId scale) {
  graph::Value& value = editor.body().value(result);
  const std::string name = value.name;
  value.name += ".raw";
  const ValueId scaled =
      editor.InsertAfter(value.node, Op::kScaleRows, name, {result, scale}, editor.type(result));
  editor.ReplaceUses(result, scaled, editor.Producer(scaled));
}

void Apply(BodyEditor& editor, const Deferral& deferral) {
  editor.node(*editor.Producer(deferral.product)).inputs[0] = deferral.x;
  editor.Remove(*editor.Producer(deferral.scaled));
  std::vector<std::pair<ValueId, ValueId>> selected;  // rows, and the scales of the same rows
  for (const auto& [value, gathered] : deferral.results) {
    ValueId scale = deferral.scale;
    if (gathered) {
      const auto known = std::find_if(selected.begin(), selected.end(),
                                      [rows = *gathered](const auto& pair) { return pair.first == rows; });
      if (known == selected.end()) {
        graph::Type type = editor.type(scale);
        type.rows = graph::Rows::kLogits;
        scale = editor.InsertAfter(*editor.Producer(*gathered), Op::kGatherRows, editor.name(scale) + "_rows",
                                   {scale}, type);
        selected.emplace_back(*gathered, scale);
      } else {
        scale = known->second;
      }
    }
    ScaleResult(editor, value, scale);
  }
}

}  // namespace

bool DeferNorms(graph::Graph& graph) {
  bool changed = false;
  for (std::size_t b = 0; b < graph.bodies.size(); ++b) {
    BodyEditor editor(graph.bodies[b]);
    bool deferred = false;
    for (std::size_t i = 0; i < editor.body().nodes.size(); ++i) {
      const auto deferral = Match(editor, editor.body().nodes[i]);
      if (!deferral) continue;
      Apply(editor, *deferral);
      deferred = true;
    }
    if (deferred) CompactBody(graph, graph::BodyId{static_cast<std::int32_t>(b)});
    changed |= deferred;
  }
  return changed;
}

}  // namespace vivace::compiler
