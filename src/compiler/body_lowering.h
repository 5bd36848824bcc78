// Lowers the nodes of one body one by one on portable kernels, and keeps account of where each value is. -O0
// lowers all nodes so; the fused lowering those that no other phase takes, and puts its own phases between
// them. Not thread safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/packed_slots.h"
#include "compiler/program_frame.h"
#include "graph/graph.h"
#include "program/program.h"
#include "vivace/status.h"

namespace vivace::compiler {

class BodyLowering {
 public:
  /// last_use: for each value the last turn that reads it; -1: none. Turns are numbers of the caller's that
  /// grow as phases are added; the nodes' indices when they are lowered one by one.
  BodyLowering(const graph::Body& body, ProgramFrame& frame, std::vector<int> last_use);

  /// One phase for node `index`. kUnsupported names the node that no portable kernel computes.
  Status Lower(std::size_t index, int turn);
  /// Appends a phase that the caller made.
  void Add(program::Phase phase) { out_.phases.push_back(std::move(phase)); }
  /// Frees the buffers of values that nothing after this turn uses.
  void ReleaseDead(int turn);
  /// Every value that the next body takes must be where that body looks for it.
  Status CheckOutputs() const;

  /// Puts a value into a buffer; whatever else was there is there no more.
  void Put(graph::ValueId id, program::BufferId buffer);
  program::BufferId PutInScratch(graph::ValueId id);
  /// Into the buffer where the next body wants it, over a first operand that is used no more, or into
  /// scratch.
  Status PlaceOutput(std::size_t index, int turn);
  /// Into the buffer where the next body wants it, or into scratch; never over what this turn reads.
  /// kUnsupported: the next body's buffer has a value that is still used.
  Result<program::BufferId> PlaceFresh(graph::ValueId id, int turn);
  std::optional<program::BufferId> place(graph::ValueId id) const {
    return places_[static_cast<std::size_t>(id.value)];
  }
  Status Fail(const graph::Node& node, const std::string& what) const {
    return Unsupported("body '" + body_.name + "', %" + body_.value(node.output).name + " (" +
                       std::string(graph::Name(node.op)) + "): " + what);
  }

  PackedSlots& slots() { return slots_; }
  /// The phases so far, with the slots' names.
  program::Body Take();

 private:
  void PlaceCarried();
  program::Phase MakePhase(const graph::Node& node, program::PhaseKind kind);
  bool DiesAt(graph::ValueId id, int turn) const {
    return last_use_[static_cast<std::size_t>(id.value)] == turn;
  }
  program::BufferId BufferOf(graph::ValueId id) const { return *places_[static_cast<std::size_t>(id.value)]; }

  const graph::Body& body_;
  ProgramFrame& frame_;
  program::Body out_;
  PackedSlots slots_;
  std::vector<int> last_use_;
  std::vector<std::optional<program::BufferId>> places_;   // by value: where it is now
  std::vector<std::optional<program::BufferId>> targets_;  // by value: where it must be put
};

/// Adds the layers of a graph, in execution order, whose bodies' slots are given.
void AddLayers(const graph::Graph& graph, const std::vector<PackedSlots>& slots, ProgramFrame& frame);

}  // namespace vivace::compiler
