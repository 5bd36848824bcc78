// What both lowerings share: the program's facts, the buffers that carry values from body to body, scratch
// buffers by reuse, weights by name, and the layers. Not thread safe; the program is moved out by Take.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "program/program.h"
#include "vivace/status.h"

namespace vivace::compiler {

bool IsKv(const graph::Type& type);
/// Tensor inputs of a body that the body before it gives: neither the KV cache nor the step's own i32 values.
std::vector<graph::ValueId> CarriedInputs(const graph::Body& body);
std::vector<graph::ValueId> CarriedOutputs(const graph::Body& body);
/// For each value the index of the last node that uses it; the number of nodes for outputs of the body; -1
/// for a value without use.
std::vector<int> LastUses(const graph::Body& body);
int BytesPerRow(const graph::Type& type);

class ProgramFrame {
 public:
  ProgramFrame(const graph::Graph& graph, int level);

  /// KV layout and rotary tables, from the attention and rope nodes; kUnsupported when layers differ in
  /// heads.
  Status ReadFacts(tensor::DType kv_type);

  /// The index of the rotary table of a rope node, which is made when there is none.
  int RopeOf(const graph::Attributes& attributes);

  /// A buffer of its own, for values that live across bodies; the same name gives the same buffer, grown to
  /// the largest of its uses.
  program::BufferId Carried(const std::string& name, int bytes_per_row, bool logit_rows = false);
  /// A buffer that nobody uses now: the smallest free one that is large enough, else the largest free one,
  /// grown, else a new one. Buffers of squares are for nothing else: their padding must stay zero.
  program::BufferId TakeScratch(int bytes_per_row, bool logit_rows, bool squares = false);
  /// Does nothing for carried buffers.
  void Release(program::BufferId id);
  /// Between bodies all scratch is free.
  void ReleaseAll();

  /// The same name and form give the same weight; another form of it gets a name of its own.
  program::WeightId AddWeight(program::Weight weight);
  void AddBody(program::Body body) { program_.bodies.push_back(std::move(body)); }
  void AddLayer(int body, bool has_kv, std::vector<program::WeightId> weights);

  program::Program& program() { return program_; }
  program::Program Take() { return std::move(program_); }

 private:
  program::Program program_;
  const graph::Graph& graph_;
  struct Scratch {
    program::BufferId id;
    bool free;
    bool squares;
  };
  std::vector<Scratch> scratch_;
  std::unordered_map<std::string, program::WeightId> weight_ids_;
};

}  // namespace vivace::compiler
