// Cosines and sines of the rotary embedding, made as far as they are needed: [positions][dim], dim/2 cosines,
// then dim/2 sines, of position * theta^(-2i/dim). Computed in double, stored as float. Not thread-safe while
// it grows; the values never change, so readers on other threads need only be started after Extend.
#pragma once

#include "runtime/anonymous_memory.h"
#include "vivace/status.h"

namespace vivace::runtime {

class RopeTable {
 public:
  /// dim is even. Errors: kResourceExhausted.
  static Result<RopeTable> Create(int positions, int dim, double theta);

  /// Makes the rows of positions 0 .. positions-1. Does not allocate.
  void Extend(int positions);
  const float* data() const { return reinterpret_cast<const float*>(memory_.data()); }

 private:
  void FillBlock(int first);

  AnonymousMemory memory_;
  int positions_ = 0;
  int dim_ = 0;
  double theta_ = 0;
  int ready_ = 0;  // rows made
};

}  // namespace vivace::runtime
