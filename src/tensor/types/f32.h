// IEEE binary32.
#pragma once

#include "tensor/types/weight_lanes.h"

namespace vivace::tensor::types {
namespace {

struct F32 {
  static constexpr int kElements = 32, kBytes = 128, kElementBytes = 4;
  static constexpr BlockFill kFill = {};
  VIVACE_INLINE Opened Open(const std::byte*) { return {}; }
  VIVACE_INLINE void Read(const std::byte* block, const Opened&, int, V (&w)[kParts]) {
    for (int p = 0; p < kParts; ++p) __builtin_memcpy(&w[p], block + p * sizeof(V), sizeof(V));
  }
};

}  // namespace
}  // namespace vivace::tensor::types
