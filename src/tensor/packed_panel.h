// Layout of packed weights: panels of 64 output columns over the whole of K, weights as the second operand of
// a contraction. Values and scales are the checkpoint's own.
//
// A panel is two *units* of 32 columns one after the other, so that a task on one unit reads one sequential
// stream. Unit u holds output columns 32u .. 32u+31 as 2 vectors of 16 (v = 0, 1). Along k a unit is a
// sequence of blocks (weight_class.h: k and bytes of each). Columns past N (N padded to 64) are zero, and so
// are the k past the source's where floats have a width that is no multiple of 32. Inside a block, in this
// order:
//
//   floats      F32, F16: [v][16 columns] of one k. BF16: [v][16 columns][2 k].
//   header      classes with kSuper: f16 d[32] (64 B); with kSuperMinimum: f16 d[32], f16 m[32] (128 B)
//   groups      of 32 along k (Int4Group64, Int8Group64: of 64; ..128: of 128; Int8Channel: 32), each
//     codes     kNibble, kNibbleBit: [j = 0 .. group/8 - 1][v][16 columns][4]: byte i of column c has
//               k = 8j+i in its low and k = 8j+4+i in its high nibble.
//               kSixBits: the same with bits 5..2 of the code's two's complement in the nibble.
//               kSignedByte: [q = 0 .. group/4 - 1][v][16 columns][4]: k = 4q+i.
//     bits      kNibbleBit: [v][16 columns][4]: bit q of byte i is bit 4 of the code of k = 4q+i (128 B).
//               kSixBits: [p = 0, 1][v][16 columns][4]: bits 2q', 2q'+1 of byte i are bits 0, 1 of the code
//               of k = 16p + 4q' + i (256 B).
//     scales    kF16: f16 scale[32]; kF16Minimum: f16 scale[32], f16 minimum[32];
//               kSuperMinimum: u8 scale[32], u8 minimum[32]; kSuper: s8 scale[2 halves of 16 k][32]
//
// After the last block of a unit, kChannel has a trailer: f32 scale[32], i32 sum of codes over K[32] (256 B).
#pragma once

#include <cstddef>

#include "tensor/weight_class.h"

namespace vivace::tensor {

struct PanelLayout {
  WeightClass type;
  int k;             // multiple of 32 and of the class's block
  int n;             // output columns before padding
  int source_k = 0;  // elements of a source row, when fewer than k: what follows them is zero. Float classes
                     // only; 0: k

  static constexpr int kColumns = 64;
  static constexpr int kUnitColumns = 32;
  static constexpr int kTrailerBytes = 256;  // kChannel

  constexpr const WeightClassRow& row() const { return Row(type); }
  /// Elements of a source row.
  constexpr int width() const { return source_k != 0 ? source_k : k; }
  constexpr int blocks() const { return k / row().block_k; }
  constexpr int panels() const { return (n + kColumns - 1) / kColumns; }
  /// Bytes of the trailer of a unit, 0 for most classes.
  constexpr int trailer_bytes() const { return row().scales == WeightScale::kChannel ? kTrailerBytes : 0; }
  constexpr std::size_t unit_bytes() const {
    return static_cast<std::size_t>(blocks()) * row().block_bytes + trailer_bytes();
  }
  constexpr std::size_t panel_bytes() const { return 2 * unit_bytes(); }
  constexpr std::size_t bytes() const { return panels() * panel_bytes(); }
};

/// How the source rows of one or several weights map to packed columns.
enum class ColumnOrder {
  kPlain,      // column = row, sources one after another
  kRopePairs,  // GGUF llama Q and K: rows 2i and 2i+1 of a head rotate together. Each unit of 32 columns of a
               // head takes rows 32h, 32h+2, .. 32h+30 in its first vector and 32h+1, .. 32h+31 in its
               // second, so the pair (a, b) is lane-aligned.
  kRopeHalves,   // rows i and i + head_dim/2 of a head rotate together: each unit takes 16 rows 16h .. 16h+15
                 // of the first half in its first vector and the 16 rows head_dim/2 later in its second.
  kGateUpPairs,  // two sources: each panel takes 32 rows of gate (first unit), then the same 32 rows of up
                 // (second unit)
};

}  // namespace vivace::tensor
