// Moves mul and quantize at the head of every layer (as fuse_norm_quant leaves them) to the end of whatever
// runs before: the residual stream x is then handed on together with its quantised rows, weighted by the
// norm of the layer to come. All layers and the epilogue must begin so, or nothing is done.

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "compiler/patterns.h"

namespace vivace::compiler {
namespace {

using graph::BodyId;
using graph::Layer;
using graph::Op;
using graph::ValueId;

/// The one value that a body takes from the body before it; nothing when there are several.
std::optional<ValueId> OnlyCarried(const graph::Body& body, const std::vector<ValueId>& ids) {
  std::optional<ValueId> carried;
  for (const ValueId id : ids) {
    const graph::Type& type = body.value(id).type;
    if (type.kind == graph::Type::Kind::kKvCache || type.dtype == tensor::DType::kI32) continue;
    if (carried || type.dtype != tensor::DType::kF32) return std::nullopt;
    carried = id;
  }
  return carried;
}

std::optional<WeightedQuantize> MatchHead(graph::Body& body) {
  const std::optional<ValueId> x = OnlyCarried(body, body.inputs);
  return x ? MatchWeightedQuantize(BodyEditor(body), *x) : std::nullopt;
}

bool Applies(graph::Graph& graph, const std::vector<Layer*>& order) {
  std::vector<char> is_checked(graph.bodies.size(), 0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    char& checked = is_checked[static_cast<std::size_t>(order[i]->body.value)];
    if (checked) continue;
    checked = 1;
    graph::Body& body = graph.body(order[i]->body);
    if (i > 0 && !MatchHead(body)) return false;
    if (i + 1 < order.size() && !OnlyCarried(body, body.outputs)) return false;
  }
  return true;
}

std::string SourceOf(const Layer& layer, ValueId weight) {
  for (const graph::Binding& binding : layer.bindings) {
    if (binding.weight == weight) return binding.source;
  }
  return "";
}

/// The quantised rows become an input of the body.
void TakeHead(graph::Graph& graph, BodyId id) {
  graph::Body& body = graph.body(id);
  BodyEditor editor(body);
  const WeightedQuantize head = *MatchHead(body);
  const ValueId x = editor.node(head.mul).inputs[0];
  const ValueId old_rows = editor.node(head.quantize).output;
  const ValueId rows = editor.AddValue("x8", graph::ValueKind::kInput, editor.type(old_rows));
  editor.ReplaceUses(old_rows, rows);
  editor.Remove(head.quantize);
  editor.Remove(head.mul);
  for (std::size_t i = 0; i < body.inputs.size(); ++i) {
    if (body.inputs[i] != x) continue;
    body.inputs.insert(body.inputs.begin() + static_cast<std::ptrdiff_t>(i) + 1, rows);
    break;
  }
  CompactBody(graph, id);
}

/// The body puts out the quantised rows after x. Gives the weight that the layers must bind.
ValueId AddTail(graph::Body& body) {
  BodyEditor editor(body);
  const ValueId x = *OnlyCarried(body, body.outputs);
  graph::Type type = editor.type(x);
  const ValueId weight =
      editor.AddValue("next_norm", graph::ValueKind::kWeight, graph::Type::Vector(type.dtype, type.width));
  const ValueId product = editor.Append(Op::kMul, "next_n", {x, weight}, type);
  type.dtype = tensor::DType::kU8Group32;
  const ValueId rows = editor.Append(Op::kQuantize, "next_n.8", {product}, type);
  for (std::size_t i = 0; i < body.outputs.size(); ++i) {
    if (body.outputs[i] != x) continue;
    body.outputs.insert(body.outputs.begin() + static_cast<std::ptrdiff_t>(i) + 1, rows);
    break;
  }
  return weight;
}

}  // namespace

Result<bool> CarryNormQuant(graph::Graph& graph, const PassContext&) {
  const std::vector<Layer*> order = LayersInOrder(graph);
  if (!Applies(graph, order)) return false;
  std::vector<std::string> next_norm;  // by layer in order: the norm of the one after it
  for (std::size_t i = 1; i < order.size(); ++i) {
    next_norm.push_back(SourceOf(*order[i], MatchHead(graph.body(order[i]->body))->weight));
  }
  std::vector<char> has_head(graph.bodies.size(), 0), has_tail(graph.bodies.size(), 0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto body = static_cast<std::size_t>(order[i]->body.value);
    has_head[body] |= i > 0;
    has_tail[body] |= i + 1 < order.size();
  }
  std::vector<ValueId> tails(graph.bodies.size());
  for (std::size_t i = 0; i < graph.bodies.size(); ++i) {
    if (has_head[i]) TakeHead(graph, BodyId{static_cast<std::int32_t>(i)});
    if (has_tail[i]) tails[i] = AddTail(graph.bodies[i]);
  }
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    order[i]->bindings.push_back({tails[static_cast<std::size_t>(order[i]->body.value)], next_norm[i]});
  }
  return true;
}

}  // namespace vivace::compiler
