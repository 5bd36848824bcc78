// f16 scale, 16 bytes: low nibbles are elements 0 .. 15, high nibbles 16 .. 31. w = (q - 8) * scale.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

struct Q4_0 {
  static constexpr int kElements = 32, kBytes = 18, kElementBytes = 0;
  static constexpr BlockFill kFill = {.scale_at = 0, .deviation = 4.6f};
  VIVACE_INLINE void Read(const std::byte* block, int, V (&w)[kParts]) {
    ScaleNibbles(SplitNibbles(block + 2), 8, HalfAt(block), w);
  }
};

}  // namespace
}  // namespace vivace::tensor::types
