// The tensors of a checkpoint while a graph is built: each is taken by canonical name with the shape that the
// graph needs, and at the end every tensor must have been taken. Keeps pointers into the span it was made
// from.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "graph/graph.h"
#include "models/model_config.h"
#include "vivace/status.h"

namespace vivace::models {

class WeightTable {
 public:
  explicit WeightTable(std::span<const WeightInfo> weights);

  bool Has(std::string_view name) const { return entries_.count(name) > 0; }
  /// [rows, width]; rows = 0 asks for a vector. Vectors must be of a float type, and are f32 in the graph;
  /// matrices any type whose rows are whole blocks. The error names the tensor, its dimensions and the
  /// expected ones; a missing one is called `shown` where that is given.
  Result<graph::Type> Take(std::string_view name, std::int64_t rows, std::int64_t width,
                           std::string_view shown = {});
  /// The rows of a matrix that says itself how many it has.
  Result<std::int64_t> Rows(std::string_view name, std::string_view shown = {}) const;
  /// What the checkpoint calls the tensor of a canonical name.
  std::string Source(std::string_view name) const;
  /// Names a tensor that was never taken: it would be ignored, so the result would be wrong.
  Status CheckAllTaken() const;

 private:
  struct Entry {
    const WeightInfo* info;
    bool taken = false;
  };
  Result<const Entry*> Find(std::string_view name, std::string_view shown) const;

  std::span<const WeightInfo> weights_;
  std::unordered_map<std::string_view, Entry> entries_;
};

}  // namespace vivace::models
