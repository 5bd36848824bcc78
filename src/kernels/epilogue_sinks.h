// The ends of epilogues as vector IR: where a unit's two vectors of 16 columns go. Each appends to a Builder
// inside its loop over rows.
#pragma once

#include <array>
#include <cstdint>

#include "codegen/vir.h"
#include "kernels/math_builders.h"
#include "tensor/kv_layout.h"

namespace vivace::kernels {

/// The 32 columns of a unit, of one row.
using Pair = std::array<codegen::Vec, 2>;

/// Address of the row's slot in the cache: block stride and in-block stride applied to `cache`, the element
/// of slot 0 of block 0. `slot` is the address of the row's slot number.
codegen::Scalar SlotAddress(codegen::Builder& b, codegen::Scalar slot, codegen::Scalar cache,
                            const tensor::KvLayout& kv, int slot_bytes);

/// 32 consecutive elements of the cache's type, which is not an 8-bit one.
void StoreElements(codegen::Builder& b, codegen::Mem target, const Pair& x, const tensor::KvLayout& kv);

/// 32 dims of such a type to a transposed K block: one element a dim, 16 positions apart. `scratch`: 128
/// bytes.
void StoreKey(codegen::Builder& b, codegen::Mem target, const Pair& x, codegen::Scalar scratch,
              const tensor::KvLayout& kv);

/// A whole head of one position of a cache of 8-bit elements.
struct HeadTarget {
  codegen::Mem values;   // f32 [head_dim]
  codegen::Mem scratch;  // 128 bytes
  codegen::Scalar slot;  // addresses, as SlotAddress takes them; the cache's is of dim 0 of the head's K or V
  codegen::Scalar cache;
};

/// scale = max |x| / 127 and code = x / scale to the nearest, ties to even. A head of zeros, or of values so
/// small that the scale is denormal, has scale 0 and codes 0; one with a NaN or an infinity has scale NaN and
/// codes 0.
void StoreKeyHead(codegen::Builder& b, const HeadTarget& target, const tensor::KvLayout& kv);
void StoreValueHead(codegen::Builder& b, const HeadTarget& target, const tensor::KvLayout& kv);

/// Registers that StoreMaximum reads.
struct MaximumConstants {
  codegen::Vec zero, sixteen, lowest, past;
};
MaximumConstants MakeMaximumConstants(codegen::Builder& b);

/// One unit's entry of MaximaRows: value at `target`, column part_bytes later, its check another part_bytes
/// later. Only the first `columns` (1 or more) of the unit count; `first` is the number of its first column.
struct MaximumTarget {
  codegen::Mem value;
  std::int32_t part_bytes;
  codegen::Scalar columns;
  codegen::Scalar first;
  codegen::Mem scratch;  // 64 bytes
};
void StoreMaximum(codegen::Builder& b, const MaximumConstants& constants, const Pair& x,
                  const MaximumTarget& target);

}  // namespace vivace::kernels
