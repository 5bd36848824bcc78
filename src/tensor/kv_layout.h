// Layout of the paged KV cache. A block holds kBlockTokens positions of every layer; block b of layer l
// starts at base + l * layer_stride + b * block_stride.
// A block is [kv_heads] x (K, V), so that what one task reads of it lies together:
//   K of a head: [head_dim][16 positions]   (positions in the vector lanes)
//   V of a head: [16 positions][head_dim], v_offset behind K
// With 8-bit elements each K and each V is followed by 16 float scales, one a position: element =
// scale[position] * s8, symmetric (-127 .. 127).
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace vivace::tensor {

struct KvLayout {
  int layers = 0;
  int kv_heads = 0;
  int head_dim = 0;          // multiple of 8
  DType type = DType::kF16;  // kF16, kBF16, kF32 or kI8
  int blocks = 0;            // in the pool

  static constexpr int kBlockTokens = 16;
  /// Attention reduces over chunks of absolute positions of this size, merged in order, whatever the batch
  /// (design.md section 8).
  static constexpr int kChunkTokens = 256;

  constexpr int element_bytes() const { return type == DType::kF32 ? 4 : type == DType::kI8 ? 1 : 2; }
  constexpr bool has_scales() const { return type == DType::kI8; }
  /// Elements of one head's K, or V, of a block.
  constexpr std::size_t codes_bytes() const {
    return static_cast<std::size_t>(head_dim) * kBlockTokens * element_bytes();
  }
  /// From a head's K to its V: the elements and their scales.
  constexpr std::size_t v_offset() const {
    return codes_bytes() + (has_scales() ? kBlockTokens * sizeof(float) : 0);
  }
  /// From one head's K to the next one's.
  constexpr std::size_t head_bytes() const { return 2 * v_offset(); }
  constexpr std::size_t block_stride() const { return kv_heads * head_bytes(); }
  constexpr std::size_t layer_stride() const { return blocks * block_stride(); }
  constexpr std::size_t bytes() const { return layers * layer_stride(); }
  /// Byte offset of K element (position slot, dim) inside a block, head `head`.
  constexpr std::size_t k_offset(int head, int dim, int slot) const {
    return head * head_bytes() + (static_cast<std::size_t>(dim) * kBlockTokens + slot) * element_bytes();
  }
  constexpr std::size_t v_element_offset(int head, int slot, int dim) const {
    return v_offset() + head * head_bytes() +
           (static_cast<std::size_t>(slot) * head_dim + dim) * element_bytes();
  }
  /// Byte offsets of the scales of position `slot`; only with has_scales().
  constexpr std::size_t k_scale_offset(int head, int slot) const {
    return head * head_bytes() + codes_bytes() + static_cast<std::size_t>(slot) * sizeof(float);
  }
  constexpr std::size_t v_scale_offset(int head, int slot) const {
    return v_offset() + k_scale_offset(head, slot);
  }
};

}  // namespace vivace::tensor
