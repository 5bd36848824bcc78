// Print: the text form of a graph, as shown in graph.h. Layers that differ only in the number inside their
// weights' names are printed once.

#include <iterator>

#include "base/text_scanner.h"
#include "graph/attribute_table.h"
#include "graph/graph.h"

namespace vivace::graph {
namespace {

std::string ValueText(const Body& body, ValueId id) {
  const Value& value = body.value(id);
  return (value.kind == ValueKind::kWeight ? "@" : "%") + value.name;
}

std::string ListText(const Body& body, const std::vector<ValueId>& ids) {
  std::string text;
  for (const ValueId id : ids) text += (text.empty() ? "" : ", ") + ValueText(body, id);
  return text;
}

std::string AttributesText(const Attributes& attributes) {
  std::string text;
  const auto add = [&text](std::string_view name, const std::string& value) {
    text += (text.empty() ? " {" : ", ") + std::string(name) + " = " + value;
  };
  for (const auto& [name, member] : kIntegerAttributes) {
    if (attributes.*member != 0) add(name, std::to_string(attributes.*member));
  }
  for (const auto& [name, member] : kFloatAttributes) {
    if (attributes.*member != 0) add(name, base::ShortFloat(attributes.*member));
  }
  return text.empty() ? text : text + "}";
}

std::string NodeText(const Body& body, const Node& node) {
  std::string text = "  ";
  if (node.group >= 0) text += "[" + std::to_string(node.group) + "] ";
  text += ValueText(body, node.output) + ": " + TypeText(body.value(node.output).type) + " = ";
  text += std::string(Name(node.op)) + " " + ListText(body, node.inputs);
  return text + AttributesText(node.attributes) + "\n";
}

std::string BodyText(const Body& body) {
  std::string inputs;
  for (const ValueId id : body.inputs) {
    inputs += (inputs.empty() ? "" : ", ") + ValueText(body, id) + ": " + TypeText(body.value(id).type);
  }
  std::string text = "body " + body.name + "(" + inputs + ") -> " + ListText(body, body.outputs) + "\n";
  for (const Value& value : body.values) {
    if (value.kind == ValueKind::kWeight)
      text += "  weight @" + value.name + ": " + TypeText(value.type) + "\n";
  }
  for (const Node& node : body.nodes) text += NodeText(body, node);
  return text;
}

std::string RopeScalingText(const RopeScaling& scaling) {
  std::string text = "rope_scaling {attention_factor = " + base::ShortFloat(scaling.attention_factor) + "}";
  for (const float factor : scaling.factors) text += " " + base::ShortFloat(factor);
  return text + "\n";
}

std::string BindingsText(const Graph& graph, const Layer& layer) {
  std::string text;
  for (const Binding& binding : layer.bindings) {
    text += "  " + graph.body(layer.body).value(binding.weight).name + " = " + binding.source + "\n";
  }
  return text;
}

std::string LayersText(const Graph& graph) {
  std::string text;
  std::size_t first = 0;
  while (first < graph.layers.size()) {
    const Layer& layer = graph.layers[first];
    const std::string folded = base::FoldNumber(BindingsText(graph, layer), static_cast<int>(first));
    std::size_t end = first + 1;
    while (end < graph.layers.size() && graph.layers[end].body == layer.body &&
           base::FoldNumber(BindingsText(graph, graph.layers[end]), static_cast<int>(end)) == folded) {
      ++end;
    }
    text += "layers " + std::to_string(end - first) + " x " + graph.body(layer.body).name + "\n" + folded;
    first = end;
  }
  return text;
}

}  // namespace

std::string Print(const Graph& graph) {
  std::string text = "graph " + graph.name + " {vocabulary = " + std::to_string(graph.vocabulary) +
                     ", hidden = " + std::to_string(graph.hidden) +
                     ", max_positions = " + std::to_string(graph.max_positions) + "}\n";
  for (const RopeScaling& scaling : graph.rope_scalings) text += RopeScalingText(scaling);
  for (const Body& body : graph.bodies) text += BodyText(body);
  text += "prologue " + graph.body(graph.prologue.body).name + "\n" + BindingsText(graph, graph.prologue);
  text += LayersText(graph);
  text += "epilogue " + graph.body(graph.epilogue.body).name + "\n" + BindingsText(graph, graph.epilogue);
  return text;
}

}  // namespace vivace::graph
