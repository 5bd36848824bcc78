// Layout of packed weights: panels of 64 output columns over the whole of K, groups of 32 along K in
// sequence, for dot products of u8 activations (broadcast) with s8 weights. Packed bytes equal the
// checkpoint's. Values and scales are the checkpoint's own.
//
// Panel p holds output columns 64p .. 64p+63 as 4 vectors of 16 (v = 0..3). One group (32 k) is contiguous:
//   Q4_1: nibbles [j = 0..3][v][16 columns][4]: byte i of column c has k = 8j+i in its low and k = 8j+4+i in
//   its high nibble (1024 B),
//         then f16 scale[64], f16 minimum[64]                                                     -> 1280 B
//   Q8_0: s8 [q = 0..7][v][16 columns][4]: k = 4q+i (2048 B), then f16 scale[64]                  -> 2176 B
// Columns past N (N padded to 64) are zero. A *unit* is half a panel, the 32 columns of v = 2h, 2h+1: the
// smallest task.
//
// An expanded unit (prefill scratch, one per worker): per group
//   s8 [q = 0..7][2 vectors][16][4] (1024 B), f32 scale[32], f32 minimum[32], i32 weight_sum[32] -> 1408 B
// weight_sum[c] = sum of the group's 32 integer weights (fits 16 bits; low half used by vpdpwssd, so stored
// as a 32-bit value whose low 16 bits are the signed sum).
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
  constexpr int weight_bytes_per_group() const { return type == DType::kQ4_1 ? 1024 : 2048; }
  constexpr int group_bytes() const { return type == DType::kQ4_1 ? 1280 : 2176; }
  constexpr std::size_t panel_bytes() const { return static_cast<std::size_t>(groups()) * group_bytes(); }
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
  kGateUpPairs,  // two sources: each panel takes 32 rows of gate (vectors 0, 1), then the same 32 rows of up
                 // (vectors 2, 3)
};

}  // namespace vivace::tensor
