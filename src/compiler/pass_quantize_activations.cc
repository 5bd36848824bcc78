// Makes the rounding of activations explicit: the input of each linear layer whose weights panels take
// becomes rows of an activation type, by weight class and PassContext::activation, once for all linear layers
// that share it. Rows that are no multiple of the type's group are padded first. Rows are selected after
// quantisation, which gives the same bits. Weights whose class has no kernel for the rows keep plain f32
// ones.

#include <algorithm>

#include "compiler/body_editor.h"
#include "compiler/pass_list.h"
#include "kernels/float_tile.h"
#include "kernels/float_tile_expand.h"
#include "tensor/dequantize.h"

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::ValueId;
using tensor::ActivationType;
using tensor::WeightClass;

bool IsFloat(WeightClass weights) {
  return tensor::Row(weights).activation == ActivationType::kF32;
}

ActivationType RowsFor(WeightClass weights, const PassContext& context) {
  const ActivationType usual =
      IsFloat(weights) ? kernels::FloatActivation(weights, context.target) : tensor::Row(weights).activation;
  switch (context.activation) {
    case ActivationDType::kAuto:
    case ActivationDType::kUint8:
      return usual;
    case ActivationDType::kInt16:
      return IsFloat(weights) ? usual : ActivationType::kI16Group32;
    case ActivationDType::kBFloat16:
      return ActivationType::kBF16;
    case ActivationDType::kFloat32:
      return ActivationType::kF32;
  }
  return usual;
}

struct LinearWeight {
  graph::BodyId body;
  ValueId weight;
  WeightClass type;
};

std::vector<LinearWeight> LinearWeights(const graph::Graph& graph) {
  std::vector<LinearWeight> weights;
  for (std::size_t b = 0; b < graph.bodies.size(); ++b) {
    for (const graph::Node& node : graph.bodies[b].nodes) {
      if (node.op != Op::kLinear) continue;
      const tensor::DType type = graph.bodies[b].value(node.inputs[1]).type.dtype;
      if (!tensor::CanDequantize(type)) continue;
      weights.push_back({graph::BodyId{static_cast<std::int32_t>(b)}, node.inputs[1], tensor::ClassOf(type)});
    }
  }
  return weights;
}

/// "tensor 'blk.0.attn_q.weight' is q4_0": by the first layer that binds it.
std::string Describe(graph::Graph& graph, const LinearWeight& linear) {
  std::string name = graph.body(linear.body).value(linear.weight).name;
  for (const graph::Layer* layer : LayersInOrder(graph)) {
    if (layer->body != linear.body) continue;
    for (const graph::Binding& binding : layer->bindings) {
      if (binding.weight == linear.weight) name = binding.source;
    }
    break;
  }
  return "tensor '" + name + "' is " + std::string(tensor::Row(linear.type).name);
}

/// Whether the weights allow what the user asked for.
Status CheckChoice(graph::Graph& graph, const PassContext& context) {
  const std::vector<LinearWeight> weights = LinearWeights(graph);
  if (weights.empty()) return Status::Ok();
  if (context.activation == ActivationDType::kBFloat16) {
    for (const LinearWeight& linear : weights) {
      if (kernels::HasTiles(linear.type, ActivationType::kBF16)) continue;
      return InvalidArgument(
          Describe(graph, linear) + "; activations of bfloat16 go with bf16 weights only: " +
          (IsFloat(linear.type) ? "give auto or float32" : "give auto, uint8, int16 or float32"));
    }
  }
  const bool integers =
      context.activation == ActivationDType::kUint8 || context.activation == ActivationDType::kInt16;
  if (integers && std::all_of(weights.begin(), weights.end(),
                              [](const LinearWeight& linear) { return IsFloat(linear.type); })) {
    const bool is_bf16 = kernels::HasTiles(weights[0].type, ActivationType::kBF16);
    return InvalidArgument(
        Describe(graph, weights[0]) + ", as all of the model's are float; activations of " +
        (context.activation == ActivationDType::kUint8 ? "uint8" : "int16") +
        " go with quantised weights: give auto, " + (is_bf16 ? "bfloat16 " : "") + "or float32");
  }
  return Status::Ok();
}

/// The rows that a node wants; nothing when it is no linear layer on plain f32 rows that panels could take.
std::optional<graph::Type> WantedRows(const BodyEditor& editor, const graph::Node& node,
                                      const PassContext& context) {
  if (node.op != Op::kLinear) return std::nullopt;
  graph::Type type = editor.type(node.inputs[0]);
  const graph::Type& weight = editor.type(node.inputs[1]);
  if (type.dtype != tensor::DType::kF32 || !tensor::CanDequantize(weight.dtype)) return std::nullopt;
  const WeightClass weights = tensor::ClassOf(weight.dtype);
  const ActivationType rows = RowsFor(weights, context);
  if (!kernels::HasTiles(weights, rows)) return std::nullopt;
  // A block of more than 32 that the width cuts: padding to it would be more than a pad may add.
  const int block = tensor::Row(weights).block_k;
  if (block > 32 && type.width % block != 0) return std::nullopt;
  const int unit = std::max({32, tensor::Row(rows).group, tensor::Row(weights).block_k});
  if (type.width % unit != 0) type.width += unit - type.width % unit;
  type.dtype = tensor::DTypeOf(rows);
  return type;
}

/// Rows of `type` of a value, made right after it.
ValueId InsertRows(BodyEditor& editor, ValueId value, graph::Type type) {
  const std::string name = editor.name(value);
  const auto after = [&](ValueId id) { return editor.Producer(id).value_or(NodeId{-1}); };
  ValueId source = value;
  if (type.width != editor.type(value).width) {
    graph::Type padded = editor.type(value);
    padded.width = type.width;
    source = editor.InsertAfter(after(value), Op::kPad, name + ".pad", {value}, padded);
  }
  return editor.InsertAfter(after(source), Op::kQuantize, name + ".rows", {source}, type);
}

/// Gives one linear layer its rows, and the other users of its input that want the same.
void Quantize(BodyEditor& editor, NodeId linear, graph::Type type, const PassContext& context) {
  const ValueId input = editor.node(linear).inputs[0];
  if (const auto gather = editor.OnlyProducer(input, Op::kGatherRows)) {
    const ValueId source = editor.node(*gather).inputs[0];
    graph::Type source_type = type;
    source_type.rows = editor.type(source).rows;
    const ValueId rows = InsertRows(editor, source, source_type);
    editor.node(*editor.Producer(input)).inputs[0] = rows;
    editor.body().value(input).type = type;
    return;
  }
  const ValueId rows = InsertRows(editor, input, type);
  for (const NodeId user : editor.Users(input)) {
    graph::Node& node = editor.node(user);
    if (WantedRows(editor, node, context) == type) node.inputs[0] = rows;
  }
}

}  // namespace

Result<bool> QuantizeActivations(graph::Graph& graph, const PassContext& context) {
  if (Status status = CheckChoice(graph, context); !status.ok()) return status;
  bool changed = false;
  for (graph::Body& body : graph.bodies) {
    BodyEditor editor(body);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const auto rows = WantedRows(editor, body.nodes[i], context);
      if (!rows) continue;
      Quantize(editor, NodeId{static_cast<std::int32_t>(i)}, *rows, context);
      changed = true;
    }
  }
  return changed;
}

}  // namespace vivace::compiler
