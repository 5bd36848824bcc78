// The weight slots of one body: which weights of the graph go into each, and in what form. Bind turns a
// layer's bindings into the program's weights, by slot.
#pragma once

#include <string>
#include <vector>

#include "compiler/tile_draft.h"
#include "graph/graph.h"
#include "program/program.h"

namespace vivace::compiler {

/// In what order a slot has its columns: of the first `rope_rows`, heads of head_dim are turned.
struct SlotOrder {
  tensor::ColumnOrder order = tensor::ColumnOrder::kPlain;
  int rope_rows = 0, head_dim = 0;
};

class PackedSlots {
 public:
  /// Weights [n_i, ..] of one type as one panel [sum of n_i, k], zeros where their rows are shorter than k.
  /// `group` is empty for a single weight, which gives the slot its own name.
  program::SlotId AddPanel(const graph::Body& body, const std::string& group,
                           const std::vector<graph::ValueId>& weights, int k, const SlotOrder& order = {});
  /// Vectors one after another, as f32.
  program::SlotId AddVector(const graph::Body& body, const std::string& group,
                            const std::vector<VectorUse>& vectors, const SlotOrder& order = {});
  /// A weight as it lies in the checkpoint; one slot for all its uses.
  program::SlotId AddPlain(const graph::Body& body, graph::ValueId weight);
  const program::Weight& packing(program::SlotId slot) const {
    return slots_[static_cast<std::size_t>(slot.value)].packing;
  }

  std::vector<std::string> Names() const;
  std::vector<program::Weight> Bind(const graph::Layer& layer) const;

 private:
  struct Slot {
    std::string name;
    std::string group;  // "qkv": what a weight of several sources is called, after their prefix
    std::vector<graph::ValueId> weights;
    program::Weight packing;  // all but name and sources
  };
  program::SlotId Add(Slot slot);
  std::string FreshName(const std::string& name) const;

  std::vector<Slot> slots_;
};

}  // namespace vivace::compiler
