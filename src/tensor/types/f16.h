// IEEE binary16.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

struct F16 {
  static constexpr int kElements = 32, kBytes = 64, kElementBytes = 2;
  static constexpr BlockFill kFill = {};
  VIVACE_INLINE Opened Open(const std::byte*) { return {}; }
  VIVACE_INLINE void Read(const std::byte* block, const Opened&, int, V (&w)[kParts]) {
    for (int p = 0; p < kParts; ++p) w[p] = LoadHalf(block + p * kLanes * 2);
  }
};

}  // namespace
}  // namespace vivace::tensor::types
