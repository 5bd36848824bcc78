#include "compiler/body_editor.h"

#include <algorithm>
#include <utility>

namespace vivace::compiler {

using graph::NodeId;
using graph::Op;
using graph::ValueId;
using graph::ValueKind;

bool BodyEditor::IsOutput(ValueId id) const {
  return std::find(body_.outputs.begin(), body_.outputs.end(), id) != body_.outputs.end();
}

std::optional<NodeId> BodyEditor::Producer(ValueId id, Op op) const {
  const graph::Value& value = body_.value(id);
  if (value.kind != ValueKind::kNode || body_.node(value.node).op != op) return std::nullopt;
  return value.node;
}

std::vector<NodeId> BodyEditor::Users(ValueId id) const {
  std::vector<NodeId> users;
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) {
    const std::vector<ValueId>& inputs = body_.nodes[i].inputs;
    if (std::find(inputs.begin(), inputs.end(), id) != inputs.end()) {
      users.push_back(NodeId{static_cast<std::int32_t>(i)});
    }
  }
  return users;
}

std::optional<NodeId> BodyEditor::OnlyUser(ValueId id, Op op) const {
  const std::vector<NodeId> users = Users(id);
  if (users.size() != 1 || IsOutput(id) || body_.node(users[0]).op != op) return std::nullopt;
  return users[0];
}

std::optional<NodeId> BodyEditor::OnlyUserAmong(ValueId id, Op op) const {
  std::optional<NodeId> found;
  for (const NodeId user : Users(id)) {
    if (body_.node(user).op != op) continue;
    if (found) return std::nullopt;
    found = user;
  }
  return found;
}

std::string BodyEditor::FreshName(const std::string& name, ValueKind kind) const {
  std::string fresh = name;
  const auto taken = [&](const graph::Value& value) {
    return value.name == fresh && (value.kind == ValueKind::kWeight) == (kind == ValueKind::kWeight);
  };
  for (int i = 1; std::any_of(body_.values.begin(), body_.values.end(), taken); ++i) {
    fresh = name + "." + std::to_string(i);
  }
  return fresh;
}

ValueId BodyEditor::AddValue(const std::string& name, ValueKind kind, graph::Type type) {
  const ValueId id{static_cast<std::int32_t>(body_.values.size())};
  body_.values.push_back({FreshName(name, kind), kind, type, {}});
  return id;
}

ValueId BodyEditor::InsertAfter(NodeId position, Op op, const std::string& name, std::vector<ValueId> inputs,
                                graph::Type type, graph::Attributes attributes) {
  const ValueId output = AddValue(name, ValueKind::kNode, type);
  body_.nodes.insert(body_.nodes.begin() + position.value + 1, {op, std::move(inputs), output, attributes});
  Renumber();
  return output;
}

ValueId BodyEditor::InsertBefore(NodeId position, Op op, const std::string& name, std::vector<ValueId> inputs,
                                 graph::Type type, graph::Attributes attributes) {
  return InsertAfter(NodeId{position.value - 1}, op, name, std::move(inputs), type, attributes);
}

ValueId BodyEditor::Append(Op op, const std::string& name, std::vector<ValueId> inputs, graph::Type type,
                           graph::Attributes attributes) {
  return InsertAfter(NodeId{static_cast<std::int32_t>(body_.nodes.size()) - 1}, op, name, std::move(inputs),
                     type, attributes);
}

void BodyEditor::Remove(NodeId id) {
  body_.nodes.erase(body_.nodes.begin() + id.value);
  Renumber();
}

void BodyEditor::Renumber() {
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) {
    body_.value(body_.nodes[i].output).node = NodeId{static_cast<std::int32_t>(i)};
  }
}

void BodyEditor::ReplaceUses(ValueId from, ValueId to, std::optional<NodeId> except) {
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) {
    if (except && static_cast<std::size_t>(except->value) == i) continue;
    std::replace(body_.nodes[i].inputs.begin(), body_.nodes[i].inputs.end(), from, to);
  }
  std::replace(body_.outputs.begin(), body_.outputs.end(), from, to);
}

std::optional<NodeId> BodyEditor::Producer(ValueId id) const {
  const graph::Value& value = body_.value(id);
  return value.kind == ValueKind::kNode ? std::optional(value.node) : std::nullopt;
}

bool BodyEditor::IsUsedOnce(ValueId id) const {
  std::ptrdiff_t uses = 0;
  for (const graph::Node& node : body_.nodes) uses += std::count(node.inputs.begin(), node.inputs.end(), id);
  return uses == 1 && !IsOutput(id);
}

std::optional<NodeId> BodyEditor::OnlyProducer(ValueId id, Op op) const {
  return IsUsedOnce(id) ? Producer(id, op) : std::nullopt;
}

int BodyEditor::GroupOf(ValueId id) const {
  const std::optional<NodeId> producer = Producer(id);
  return producer ? body_.node(*producer).group : -1;
}

std::vector<NodeId> BodyEditor::Members(int group) const {
  std::vector<NodeId> members;
  for (std::size_t i = 0; i < body_.nodes.size(); ++i) {
    if (body_.nodes[i].group == group) members.push_back(NodeId{static_cast<std::int32_t>(i)});
  }
  return members;
}

/// `phases`: by node, a number below the count of nodes. True when the phases can run one after another:
/// takes away those that wait for nothing until none is left.
bool BodyEditor::CanRunInOrder(const std::vector<int>& phases) const {
  const std::size_t count = body_.nodes.size();
  std::vector<std::pair<int, int>> edges;
  std::vector<int> waits(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    for (const ValueId input : body_.nodes[i].inputs) {
      const std::optional<NodeId> producer = Producer(input);
      if (!producer) continue;
      const int from = phases[static_cast<std::size_t>(producer->value)];
      if (from == phases[i]) continue;
      edges.emplace_back(from, phases[i]);
      ++waits[static_cast<std::size_t>(phases[i])];
    }
  }
  std::vector<char> is_done(count, 0);
  bool moved = true;
  while (moved) {
    moved = false;
    for (std::size_t phase = 0; phase < count; ++phase) {
      if (is_done[phase] || waits[phase] != 0) continue;
      is_done[phase] = 1;
      moved = true;
      for (const auto& [from, to] : edges) {
        if (static_cast<std::size_t>(from) == phase) --waits[static_cast<std::size_t>(to)];
      }
    }
  }
  return std::find(is_done.begin(), is_done.end(), 0) == is_done.end();
}

bool BodyEditor::Join(const std::vector<NodeId>& nodes) {
  std::vector<char> is_member(body_.nodes.size(), 0);
  int group = -1, fresh = 0;
  for (const NodeId id : nodes) {
    const int own = body_.node(id).group;
    is_member[static_cast<std::size_t>(id.value)] = 1;
    if (own < 0) continue;
    group = group < 0 ? own : std::min(group, own);
    for (const NodeId member : Members(own)) is_member[static_cast<std::size_t>(member.value)] = 1;
  }
  // A phase is known by its first node.
  std::vector<int> phases(body_.nodes.size());
  int first_member = -1;
  for (std::size_t i = 0; i < phases.size(); ++i) {
    phases[i] = static_cast<int>(i);
    const int own = body_.nodes[i].group;
    fresh = std::max(fresh, own + 1);
    if (is_member[i]) {
      if (first_member < 0) first_member = static_cast<int>(i);
      phases[i] = first_member;
    } else if (own >= 0) {
      phases[i] = Members(own)[0].value;
    }
  }
  if (!CanRunInOrder(phases)) return false;
  if (group < 0) group = fresh;
  bool changed = false;
  for (std::size_t i = 0; i < phases.size(); ++i) {
    if (!is_member[i]) continue;
    changed |= body_.nodes[i].group != group;
    body_.nodes[i].group = group;
  }
  return changed;
}

bool CompactBody(graph::Graph& graph, graph::BodyId id) {
  graph::Body& body = graph.body(id);
  std::vector<char> kept(body.values.size(), 0);
  for (const ValueId input : body.inputs) kept[static_cast<std::size_t>(input.value)] = 1;
  for (const graph::Node& node : body.nodes) {
    kept[static_cast<std::size_t>(node.output.value)] = 1;
    for (const ValueId input : node.inputs) kept[static_cast<std::size_t>(input.value)] = 1;
  }
  if (std::find(kept.begin(), kept.end(), 0) == kept.end()) return false;
  std::vector<ValueId> renamed(body.values.size());
  std::vector<graph::Value> values;
  for (std::size_t i = 0; i < body.values.size(); ++i) {
    if (!kept[i]) continue;
    renamed[i] = ValueId{static_cast<std::int32_t>(values.size())};
    values.push_back(std::move(body.values[i]));
  }
  body.values = std::move(values);
  const auto rename = [&](ValueId& value) { value = renamed[static_cast<std::size_t>(value.value)]; };
  for (ValueId& value : body.inputs) rename(value);
  for (ValueId& value : body.outputs) rename(value);
  for (graph::Node& node : body.nodes) {
    for (ValueId& value : node.inputs) rename(value);
    rename(node.output);
  }
  for (graph::Layer* layer : LayersInOrder(graph)) {
    if (layer->body != id) continue;
    std::erase_if(layer->bindings, [&](const graph::Binding& binding) {
      return !kept[static_cast<std::size_t>(binding.weight.value)];
    });
    for (graph::Binding& binding : layer->bindings) rename(binding.weight);
  }
  return true;
}

std::vector<graph::Layer*> LayersInOrder(graph::Graph& graph) {
  std::vector<graph::Layer*> layers{&graph.prologue};
  for (graph::Layer& layer : graph.layers) layers.push_back(&layer);
  layers.push_back(&graph.epilogue);
  return layers;
}

}  // namespace vivace::compiler
