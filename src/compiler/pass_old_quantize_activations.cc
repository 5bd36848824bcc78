// Makes the rounding of activations explicit: the input of each linear layer whose weights panels take
// is quantised to 8 bits with a zero point per 32, once for all linear layers that share it. Rows are
// selected after quantisation, which gives the same bits. Weights that the context names are left out.

#include "compiler/body_editor.h"
#include "compiler/packed_slots.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;
using tensor::DType;

bool TakesFloatRows(const BodyEditor& editor, const graph::Node& node, const PassContext& context) {
  if (node.op == Op::kLinear &&
      context.float_weights.count({editor.name(), editor.name(node.inputs[1])}) != 0) {
    return false;
  }
  return node.op == Op::kLinear && editor.type(node.inputs[0]).dtype == DType::kF32 &&
         PackedSlots::Takes(editor.type(node.inputs[1]));
}

ValueId InsertQuantize(BodyEditor& editor, NodeId position, ValueId value) {
  graph::Type type = editor.type(value);
  type.dtype = DType::kU8Group32;
  return editor.InsertAfter(position, Op::kQuantize, editor.body().value(value).name + ".8", {value}, type);
}

/// Gives all quantising linear layers among the users of `input` a quantised operand.
void QuantizeInput(BodyEditor& editor, ValueId input, const PassContext& context) {
  const std::vector<NodeId> users = editor.Users(input);
  const auto gather = editor.Producer(input, Op::kGatherRows);
  if (gather && users.size() == 1 && !editor.IsOutput(input)) {
    const NodeId before{gather->value - 1};
    const ValueId quantized = InsertQuantize(editor, before, editor.node(*gather).inputs[0]);
    editor.node(NodeId{gather->value + 1}).inputs[0] = quantized;
    editor.body().value(input).type.dtype = DType::kU8Group32;
    return;
  }
  const graph::Value& value = editor.body().value(input);
  const NodeId position = value.kind == graph::ValueKind::kNode ? value.node : NodeId{-1};
  const ValueId quantized = InsertQuantize(editor, position, input);
  for (const NodeId user : editor.Users(input)) {
    graph::Node& node = editor.node(user);
    if (TakesFloatRows(editor, node, context)) node.inputs[0] = quantized;
  }
}

}  // namespace

Result<bool> OldQuantizeActivations(graph::Graph& graph, const PassContext& context) {
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      if (!TakesFloatRows(editor, body.nodes[i], context)) continue;
      QuantizeInput(editor, body.nodes[i].inputs[0], context);
      changed = true;
    }
  }
  return changed;
}

}  // namespace vivace::compiler
