// Layout of packed weights: panels of 64 output columns over the whole of K, for dot products of u8
// activations (broadcast) with s8 weights. Packed bytes equal the checkpoint's. Values and scales are the
// checkpoint's own.
//
// A panel is two *units* of 32 columns one after the other, so that a task on one unit reads one sequential
// stream. Unit u holds output columns 32u .. 32u+31 as 2 vectors of 16 (v = 0, 1): groups of 32 along k in
// sequence, each
//   Q4_1 (640 B): nibbles [j = 0..3][v][16 columns][4] (512 B): byte i of column c has k = 8j+i in its low
//   and
//     k = 8j+4+i in its high nibble; then f16 scale[32], f16 minimum[32]
//   Q8_0 (1088 B): s8 [q = 0..7][v][16 columns][4] (1024 B): k = 4q+i; then f16 scale[32]
// Columns past N (N padded to 64) are zero.
//
// An expanded unit (prefill scratch of a worker) has per group s8 [q = 0..7][2 vectors][16][4] (1024 B),
// f32 scale[32], f32 minimum[32], i32 weight_sum[32] -> 1408 B. weight_sum[c] is the sum of the group's 32
// integer weights; it fits 16 bits, and vpdpwssd reads the low half only.
#pragma once

#include <cstddef>

#include "tensor/dtype.h"

namespace vivace::tensor {

struct PanelLayout {
  DType type;  // kQ4_1 or kQ8_0
  int k;       // multiple of 32
  int n;       // output columns before padding

  static constexpr int kColumns = 64;
  static constexpr int kUnitColumns = 32;
  static constexpr int kExpandedGroupBytes = 1408;
  constexpr int groups() const { return k / 32; }
  constexpr int panels() const { return (n + kColumns - 1) / kColumns; }
  constexpr int unit_weight_bytes_per_group() const { return type == DType::kQ4_1 ? 512 : 1024; }
  constexpr int unit_group_bytes() const { return type == DType::kQ4_1 ? 640 : 1088; }
  constexpr std::size_t unit_bytes() const { return static_cast<std::size_t>(groups()) * unit_group_bytes(); }
  constexpr std::size_t panel_bytes() const { return 2 * unit_bytes(); }
  constexpr std::size_t bytes() const { return panels() * panel_bytes(); }
  constexpr std::size_t expanded_unit_bytes() const {
    return static_cast<std::size_t>(groups()) * kExpandedGroupBytes;
  }
};

/// How the source rows of one or several weights map to packed columns.
enum class ColumnOrder {
  kPlain,      // column = row, sources one after another
  kRopePairs,  // GGUF llama Q and K: rows 2i and 2i+1 of a head rotate together. Each unit of 32 columns of a
               // head takes rows 32h, 32h+2, .. 32h+30 in its first vector and 32h+1, .. 32h+31 in its
               // second, so the pair (a, b) is lane-aligned.
  kGateUpPairs,  // two sources: each panel takes 32 rows of gate (first unit), then the same 32 rows of up
                 // (second unit)
};

}  // namespace vivace::tensor
