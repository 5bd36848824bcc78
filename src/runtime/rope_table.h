// Cosines and sines of the rotary embedding, made as far as they are needed: [positions][dim], dim/2 cosines,
// then dim/2 sines, of the angles that a tensor::RopeSpec says. Computed in double, stored as float. Not
// thread-safe while it grows; the values never change, so readers on other threads need only be started after
// Extend.
#pragma once

#include <vector>

#include "runtime/anonymous_memory.h"
#include "tensor/rope_spec.h"
#include "vivace/status.h"

namespace vivace::runtime {

class RopeTable {
 public:
  /// The spec is that of a verified program. Errors: kResourceExhausted.
  static Result<RopeTable> Create(int positions, const tensor::RopeSpec& spec);

  /// Makes the rows of positions 0 .. positions-1. Does not allocate.
  void Extend(int positions);
  const float* data() const { return reinterpret_cast<const float*>(memory_.data()); }

 private:
  void FillBlock(int first);

  AnonymousMemory memory_;
  int positions_ = 0;
  int dim_ = 0;
  double amplitude_ = 1;             // of cosines and sines
  std::vector<double> frequencies_;  // radians per position, [dim/2]
  int ready_ = 0;                    // rows made
};

}  // namespace vivace::runtime
