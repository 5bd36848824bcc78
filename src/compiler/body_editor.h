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
  /// The one user of that op, whatever else uses the value.
  std::optional<graph::NodeId> OnlyUserAmong(graph::ValueId id, graph::Op op) const;
  const graph::Node& node(graph::NodeId id) const { return body_.node(id); }
  graph::Node& node(graph::NodeId id) { return body_.node(id); }

  graph::ValueId InsertAfter(graph::NodeId position, graph::Op op, const std::string& name,
                             std::vector<graph::ValueId> inputs, graph::Type type,
                             graph::Attributes attributes = {});
  graph::ValueId InsertBefore(graph::NodeId position, graph::Op op, const std::string& name,
                              std::vector<graph::ValueId> inputs, graph::Type type,
                              graph::Attributes attributes = {});
  graph::ValueId Append(graph::Op op, const std::string& name, std::vector<graph::ValueId> inputs,
                        graph::Type type, graph::Attributes attributes = {});
  graph::ValueId AddValue(const std::string& name, graph::ValueKind kind, graph::Type type);
  void Remove(graph::NodeId id);
  /// In all operands and outputs, but for the node `except`.
  void ReplaceUses(graph::ValueId from, graph::ValueId to,
                   std::optional<graph::NodeId> except = std::nullopt);

  /// The node that computes a value, whatever its op.
  std::optional<graph::NodeId> Producer(graph::ValueId id) const;
  /// True when the value is one operand of one node, and no output.
  bool IsUsedOnce(graph::ValueId id) const;
  /// The node that computes a value, if it is of that op and the value is used once.
  std::optional<graph::NodeId> OnlyProducer(graph::ValueId id, graph::Op op) const;
  /// The group of the node that computes a value; -1: none.
  int GroupOf(graph::ValueId id) const;
  std::vector<graph::NodeId> Members(int group) const;

  /// Makes one group of these nodes and of all members of their groups. Does nothing when a path from the
  /// group to itself would lead through other phases, which then could run neither before nor after it.
  /// True when something changed.
  bool Join(const std::vector<graph::NodeId>& nodes);

 private:
  std::string FreshName(const std::string& name, graph::ValueKind kind) const;
  void Renumber();
  bool CanRunInOrder(const std::vector<int>& phases) const;

  graph::Body& body_;
};

/// Drops values that no node computes and weights that no node uses, with their bindings in all layers. True
/// when there were any.
bool CompactBody(graph::Graph& graph, graph::BodyId id);

/// The layers of a graph in execution order: prologue, layers, epilogue.
std::vector<graph::Layer*> LayersInOrder(graph::Graph& graph);

}  // namespace vivace::compiler
