// Rows of the checkpoint's element types to float32, portable; the definition that every kernel is compared
// with.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace vivace::tensor {

/// Bytes of `elements` values of a type; elements is a multiple of the type's block.
std::size_t RowBytes(DType type, std::int64_t elements);

/// True for the types that DequantizeRow reads: kF32, kF16, kQ4_1, kQ8_0.
bool CanDequantize(DType type);

/// Writes `elements` floats to out. src holds RowBytes(type, elements) bytes at any alignment; elements is a
/// multiple of the block.
///   kQ4_1: f16 scale, f16 minimum, 16 bytes: byte i has element i in its low and i + 16 in its high nibble;
///   x = q * scale + minimum kQ8_0: f16 scale, 32 signed bytes; x = q * scale
/// The product is rounded to float32 before the sum, as the GGUF reference does. Any other type is a bug of
/// the caller.
void DequantizeRow(DType type, const std::byte* src, std::int64_t elements, float* out);

}  // namespace vivace::tensor
