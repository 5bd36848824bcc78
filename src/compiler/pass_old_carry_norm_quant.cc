// Moves mul and quantize at the head of every layer (as fuse_norm_quant leaves them) to the end of whatever
// runs before: the residual stream x is then handed on together with its quantised rows, weighted by the
// norm of the layer to come. A layer that begins with a norm on float rows is handed them, too, and leaves
// them alone: the layers before it can so have one form. All layers and the epilogue must begin in one of the
// two ways, and one of them with quantisation, or nothing is done.

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

/// The weight of the norm that a body begins with, in either way.
std::optional<ValueId> FirstNorm(graph::Body& body) {
  if (const auto head = MatchHead(body)) return head->weight;
  const std::optional<ValueId> x = OnlyCarried(body, body.inputs);
  const BodyEditor editor(body);
  if (!x) return std::nullopt;
  for (const graph::NodeId user : editor.Users(*x)) {
    const graph::Node& node = editor.node(user);
    const bool fits = editor.type(*x).width % 32 == 0 && node.inputs[0] == *x;
    if (node.op == Op::kRmsNorm && fits) return node.inputs[1];
  }
  return std::nullopt;
}

bool Applies(graph::Graph& graph, const std::vector<Layer*>& order) {
  std::vector<char> is_checked(graph.bodies.size(), 0);
  bool quantises = false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    char& checked = is_checked[static_cast<std::size_t>(order[i]->body.value)];
    if (checked) continue;
    checked = 1;
    graph::Body& body = graph.body(order[i]->body);
    if (i > 0 && !FirstNorm(body)) return false;
    quantises |= i > 0 && MatchHead(body).has_value();
    if (i + 1 < order.size() && !OnlyCarried(body, body.outputs)) return false;
  }
  return quantises;
}

std::string SourceOf(const Layer& layer, ValueId weight) {
  for (const graph::Binding& binding : layer.bindings) {
    if (binding.weight == weight) return binding.source;
  }
  return "";
}

/// The quantised rows become an input of the body, used or not.
void TakeHead(graph::Graph& graph, BodyId id) {
  graph::Body& body = graph.body(id);
  BodyEditor editor(body);
  const std::optional<WeightedQuantize> head = MatchHead(body);
  const ValueId x = *OnlyCarried(body, body.inputs);
  graph::Type type = editor.type(x);
  type.dtype = tensor::DType::kU8Group32;
  const ValueId rows = editor.AddValue("x8", graph::ValueKind::kInput, type);
  if (head) {
    editor.ReplaceUses(editor.node(head->quantize).output, rows);
    editor.Remove(head->quantize);
    editor.Remove(head->mul);
  }
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

Result<bool> OldCarryNormQuant(graph::Graph& graph, const PassContext&) {
  const std::vector<Layer*> order = LayersInOrder(graph);
  if (!Applies(graph, order)) return false;
  std::vector<std::string> next_norm;  // by layer in order: the norm of the one after it
  for (std::size_t i = 1; i < order.size(); ++i) {
    next_norm.push_back(SourceOf(*order[i], *FirstNorm(graph.body(order[i]->body))));
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
