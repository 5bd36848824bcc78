// f16 scale, 32 signed bytes. w = q * scale.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

struct Q8_0 {
  static constexpr int kElements = 32, kBytes = 34, kElementBytes = 0;
  static constexpr BlockFill kFill = {.scale_at = 0, .deviation = 73.6f};
  VIVACE_INLINE Opened Open(const std::byte*) { return {}; }
  VIVACE_INLINE void Read(const std::byte* block, const Opened&, int, V (&w)[kParts]) {
    Scale({{Load16(block + 2), Load16(block + 18)}}, HalfAt(block), w);
  }
};

}  // namespace
}  // namespace vivace::tensor::types
