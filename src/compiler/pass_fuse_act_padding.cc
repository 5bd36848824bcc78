// Adds pad to the phase that makes the rows: the padding of its tiles is what pad would write.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;

/// Ops whose phases write whole tiles of rows.
bool WritesTiles(Op op) {
  switch (op) {
    case Op::kMul:
    case Op::kScaleRows:
    case Op::kSiluMul:
    case Op::kGeluMul:
    case Op::kAdd:
    case Op::kScale:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<bool> FuseActPadding(graph::Graph& graph, const PassContext&) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (body.nodes[i].op != Op::kPad || !editor.IsUsedOnce(body.nodes[i].inputs[0])) continue;
      const auto producer = editor.Producer(body.nodes[i].inputs[0]);
      if (!producer || !WritesTiles(editor.node(*producer).op)) continue;
      changed |= editor.Join({*producer, NodeId{static_cast<std::int32_t>(i)}});
    }
  }
  return changed;
}

}  // namespace vivace::compiler
