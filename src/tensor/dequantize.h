// Rows of the checkpoint's element types to float32, portable; the definition that every kernel is compared
// with.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace vivace::tensor {

/// Bytes of `elements` values of a type; elements is a multiple of the type's block.
std::size_t RowBytes(DType type, std::int64_t elements);

/// True for the types of weights (VIVACE_WEIGHT_DTYPES).
bool CanDequantize(DType type);

/// Writes `elements` floats to out. src holds RowBytes(type, elements) bytes at any alignment; elements is a
/// multiple of the block. The format of each type, and its one reader, is in types/<name>.h. Bit-equal to the
/// `gguf` package: products are rounded to float32 before sums. A type that CanDequantize refuses is a bug of
/// the caller.
void DequantizeRow(DType type, const std::byte* src, std::int64_t elements, float* out);

}  // namespace vivace::tensor
