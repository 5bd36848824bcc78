// f16 scale, 32 fifth bits, 16 bytes: low nibbles are elements 0 .. 15, high nibbles 16 .. 31. w = (q - 16) *
// scale.
#pragma once

#include "tensor/types/nibbles.h"

namespace vivace::tensor::types {
namespace {

struct Q5_0 {
  static constexpr int kElements = 32, kBytes = 22, kElementBytes = 0;
  static constexpr BlockFill kFill = {.scale_at = 0, .deviation = 9.2f};
  VIVACE_INLINE Opened Open(const std::byte*) { return {}; }
  VIVACE_INLINE void Read(const std::byte* block, const Opened&, int, V (&w)[kParts]) {
    Scale(SplitNibbles(block + 6), FifthBitsAt(block + 2), 16, HalfAt(block), w);
  }
};

}  // namespace
}  // namespace vivace::tensor::types
