// Seeded random weights of any type, for models without a file and for tests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace vivace::tensor {

/// Fills out with RowBytes(type, elements) bytes whose dequantised values are finite, with mean 0 and about
/// the given standard deviation (positive). The bytes depend on the arguments alone, so that rows can be made
/// in any order by any thread; give each tensor a seed and each of its rows a number. `type` is one that
/// CanDequantize knows, elements a multiple of its block. Values of bf16 are uniform, those of block
/// types uniform within a block, others about normal.
/// Deviations that an f16 scale cannot hold (Q6_K: below about 1e-4) are rounded to the nearest that it can.
void RandomRow(DType type, std::uint64_t seed, std::uint64_t row, std::int64_t elements, float deviation,
               std::byte* out);

}  // namespace vivace::tensor
