// The weight slots of one fused body: which weights of the graph go into each, and how they are packed. Bind
// turns a layer's bindings into the program's weights, by slot.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "program/program.h"
#include "vivace/status.h"

namespace vivace::compiler {

class PackedSlots {
 public:
  /// True for the types and row lengths of weights that panels take: those whose activations are rounded to
  /// 8 bits per 32, with kernels for them.
  static bool Takes(const graph::Type& type);
  /// kUnsupported when panels do not take the weight's type or its row length.
  static Status CheckWeight(const graph::Body& body, graph::ValueId weight);
  /// Weights [n_i, k] of one type packed into one panel [sum of n_i, k]. `name` is empty for a single weight,
  /// which gives the slot its own name. kUnsupported: types that panels do not take, or different ones.
  Result<program::SlotId> AddPanel(const graph::Body& body, const std::string& name,
                                   const std::vector<graph::ValueId>& weights,
                                   tensor::ColumnOrder order = tensor::ColumnOrder::kPlain);
  /// A weight as it lies in the checkpoint; one slot for all its uses.
  program::SlotId AddPlain(const graph::Body& body, graph::ValueId weight);
  void SetRope(program::SlotId panel, int rope_rows, int head_dim);
  /// The phase's k, n and type from its panel.
  void SetShape(program::SlotId panel, program::Phase& phase) const;

  std::vector<std::string> Names() const;
  std::vector<program::Weight> Bind(const graph::Layer& layer) const;

 private:
  struct Slot {
    std::string name;
    std::string group;  // "qkv": what a packed weight of several sources is called, after their prefix
    std::vector<graph::ValueId> weights;
    program::Weight packing;  // all but name and sources
  };
  std::vector<Slot> slots_;
};

}  // namespace vivace::compiler
