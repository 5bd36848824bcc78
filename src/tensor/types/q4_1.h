// f16 scale, f16 minimum, 16 bytes: low nibbles are elements 0 .. 15, high nibbles 16 .. 31. w = q * scale +
// minimum.
#pragma once

#include "tensor/types/nibbles.h"

namespace vivace::tensor::types {
namespace {

struct Q4_1 {
  static constexpr int kElements = 32, kBytes = 20, kElementBytes = 0;
  static constexpr BlockFill kFill = {.scale_at = 0, .minimum_at = 2, .deviation = 4.6f, .centre = 7.5f};
  VIVACE_INLINE Opened Open(const std::byte*) { return {}; }
  VIVACE_INLINE void Read(const std::byte* block, const Opened&, int, V (&w)[kParts]) {
    ScaleAndAdd(SplitNibbles(block + 4), HalfAt(block), HalfAt(block + 2), w);
  }
};

}  // namespace
}  // namespace vivace::tensor::types
