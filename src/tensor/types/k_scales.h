// The 12 bytes of 6-bit scales and minimums that Q4_K and Q5_K share, for 8 groups of 32: byte i and i + 4
// have scale and minimum of group i in their low six bits (i < 4); groups 4 .. 7 have four bits in byte 8 + i
// (scale low, minimum high) and their upper two in the top of bytes i and i + 4.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

struct ScaleAndOffset {
  float scale, offset;
};

/// Of one group: scale = d * scale6, offset = -(d_minimum * minimum6). `block` starts with f16 d, f16
/// d_minimum, 12 bytes.
VIVACE_INLINE ScaleAndOffset KScale(const std::byte* block, int group) {
  const std::byte* packed = block + 4;
  int scale, minimum;
  if (group < 4) {
    scale = ByteAt(packed, group) & 63;
    minimum = ByteAt(packed, group + 4) & 63;
  } else {
    scale = (ByteAt(packed, group + 4) & 15) | ((ByteAt(packed, group - 4) >> 2) & 48);
    minimum = (ByteAt(packed, group + 4) >> 4) | ((ByteAt(packed, group) >> 2) & 48);
  }
  return {HalfAt(block) * static_cast<float>(scale), -(HalfAt(block + 2) * static_cast<float>(minimum))};
}

}  // namespace
}  // namespace vivace::tensor::types
