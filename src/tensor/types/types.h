// The readers of all weight types of dtype.h, and rows of them.
#pragma once

#include "tensor/types/bf16.h"
#include "tensor/types/f16.h"
#include "tensor/types/f32.h"
#include "tensor/types/q4_0.h"
#include "tensor/types/q4_1.h"
#include "tensor/types/q4_k.h"
#include "tensor/types/q5_0.h"
#include "tensor/types/q5_1.h"
#include "tensor/types/q5_k.h"
#include "tensor/types/q6_k.h"
#include "tensor/types/q8_0.h"

namespace vivace::tensor::types {
namespace {

/// Bytes of a row of k weights: whole blocks, and single elements where the type has those.
template <class Weight>
VIVACE_INLINE std::size_t RowBytes(std::int64_t k) {
  return static_cast<std::size_t>(k / Weight::kElements) * Weight::kBytes +
         static_cast<std::size_t>(k % Weight::kElements) * Weight::kElementBytes;
}

/// The last, partial block of a row of k weights, padded with zeros.
template <class Weight>
VIVACE_INLINE void ReadTail(const std::byte* row, std::int64_t k, V (&w)[kParts]) {
  std::byte padded[Weight::kBytes] = {};
  __builtin_memcpy(padded, row + static_cast<std::size_t>(k / Weight::kElements) * Weight::kBytes,
                   static_cast<std::size_t>(k % Weight::kElements) * Weight::kElementBytes);
  Weight::Read(padded, Weight::Open(padded), 0, w);
}

/// One row of k weights to out[0 .. k).
template <class Weight>
void ReadRow(const std::byte* row, std::int64_t k, float* out) {
  V w[kParts];
  const std::byte* block = row;
  for (std::int64_t i = 0; i + Weight::kElements <= k; i += Weight::kElements, block += Weight::kBytes) {
    const auto opened = Weight::Open(block);
#pragma GCC unroll 8  // readers choose by `group`
    for (int group = 0; group < Weight::kElements / kGroup; ++group, out += kGroup) {
      Weight::Read(block, opened, group, w);
      __builtin_memcpy(out, w, sizeof(w));
    }
  }
  const std::int64_t left = k % Weight::kElements;
  if (Weight::kElementBytes != 0 && left != 0) {
    ReadTail<Weight>(row, k, w);
    __builtin_memcpy(out, w, static_cast<std::size_t>(left) * sizeof(float));
  }
}

}  // namespace
}  // namespace vivace::tensor::types
