// f16 scale, f16 minimum, 32 fifth bits, 16 bytes: low nibbles are elements 0 .. 15, high nibbles 16 .. 31.
// w = q * scale + minimum.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

struct Q5_1 {
  static constexpr int kElements = 32, kBytes = 24, kElementBytes = 0;
  static constexpr BlockFill kFill = {.scale_at = 0, .minimum_at = 2, .deviation = 9.2f, .centre = 15.5f};
  VIVACE_INLINE void Read(const std::byte* block, int, V (&w)[kParts]) {
    const Bytes32 q = Or(MaskNibbles(SplitNibbles(block + 8)), FifthBits(block + 4));
    ScaleAndAdd(q, HalfAt(block), HalfAt(block + 2), w);
  }
};

}  // namespace
}  // namespace vivace::tensor::types
