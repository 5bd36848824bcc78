// f16 scale, 32 fifth bits, 16 bytes: low nibbles are elements 0 .. 15, high nibbles 16 .. 31. w = (q - 16) *
// scale.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

struct Q5_0 {
  static constexpr int kElements = 32, kBytes = 22, kElementBytes = 0;
  static constexpr BlockFill kFill = {.scale_at = 0, .deviation = 9.2f};
  VIVACE_INLINE void Read(const std::byte* block, int, V (&w)[kParts]) {
    const Bytes32 q = Or(MaskNibbles(SplitNibbles(block + 6)), FifthBits(block + 2));
    Scale(Minus(q, 16), HalfAt(block), w);
  }
};

}  // namespace
}  // namespace vivace::tensor::types
