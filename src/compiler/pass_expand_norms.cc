// rms_norm(x, w) as its parts: s = rms_scale(x), scale_rows(x, s), mul by w (with the norm's offset). Only so
// can the sum of squares be taken where x is made, and the scale applied where the row is complete. The sum
// is then taken per 32 columns: a rounding point moves against the portable norm.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

void Expand(BodyEditor& editor, NodeId id) {
  const graph::Attributes attributes = editor.node(id).attributes;
  const ValueId x = editor.node(id).inputs[0], normed = editor.node(id).output;
  const std::string name = editor.name(normed);
  graph::Type type = editor.type(x);
  type.width = 0;
  const ValueId scale =
      editor.InsertBefore(id, Op::kRmsScale, name + ".scale", {x}, type, {.eps = attributes.eps});
  const ValueId scaled = editor.InsertBefore(editor.body().value(normed).node, Op::kScaleRows, name + ".unit",
                                             {x, scale}, editor.type(x));
  graph::Node& node = editor.node(editor.body().value(normed).node);
  node.op = Op::kMul;
  node.inputs[0] = scaled;
  node.attributes = {.offset = attributes.offset};
}

}  // namespace

Result<bool> ExpandNorms(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != Op::kRmsNorm) continue;
      Expand(editor, NodeId{static_cast<std::int32_t>(i)});
      changed = true;
    }
  }
  return changed;
}

}  // namespace vivace::compiler
