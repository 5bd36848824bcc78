// Questions about and edits of one body, for the passes. Node ids shift when a node is inserted or removed
// before them; value ids stay until CompactBody. Does not own the body; one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace vivace::compiler {

class BodyEditor {
 public:
  explicit BodyEditor(graph::Body& body) : body_(body) {}

  graph::Body& body() { return body_; }
  const std::string& name() const { return body_.name; }
  const std::string& name(graph::ValueId id) const { return body_.value(id).name; }
  const graph::Type& type(graph::ValueId id) const { return body_.value(id).type; }
  bool IsWeight(graph::ValueId id) const { return body_.value(id).kind == graph::ValueKind::kWeight; }
  bool IsOutput(graph::ValueId id) const;
  /// The node that computes a value, if it is of that op.
  std::optional<graph::NodeId> Producer(graph::ValueId id, graph::Op op) const;
  /// Nodes that take the value as an operand, in order, each once.
  std::vector<graph::NodeId> Users(graph::ValueId id) const;
  /// The one node that uses the value, if it is the only one, of that op, and the value is no output.
  std::optional<graph::NodeId> OnlyUser(graph::ValueId id, graph::Op op) const;
  const graph::Node& node(graph::NodeId id) const { return body_.node(id); }
  graph::Node& node(graph::NodeId id) { return body_.node(id); }

  graph::ValueId InsertAfter(graph::NodeId position, graph::Op op, const std::string& name,
                             std::vector<graph::ValueId> inputs, graph::Type type,
                             graph::Attributes attributes = {});
  graph::ValueId Append(graph::Op op, const std::string& name, std::vector<graph::ValueId> inputs,
                        graph::Type type);
  graph::ValueId AddValue(const std::string& name, graph::ValueKind kind, graph::Type type);
  void Remove(graph::NodeId id);
  /// In all operands and outputs, but for the node `except`.
  void ReplaceUses(graph::ValueId from, graph::ValueId to,
                   std::optional<graph::NodeId> except = std::nullopt);

  /// Puts nodes into one group; a fresh one when none is given. True when something changed.
  bool Group(const std::vector<graph::NodeId>& nodes, std::optional<int> group = std::nullopt);

 private:
  std::string FreshName(const std::string& name, graph::ValueKind kind) const;
  void Renumber();

  graph::Body& body_;
};

/// Drops values that no node computes and weights that no node uses, with their bindings in all layers. True
/// when there were any.
bool CompactBody(graph::Graph& graph, graph::BodyId id);

/// The layers of a graph in execution order: prologue, layers, epilogue.
std::vector<graph::Layer*> LayersInOrder(graph::Graph& graph);

}  // namespace vivace::compiler
