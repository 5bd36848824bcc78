// The one list of element types. A block type packs `block_elements` values into `block_bytes` bytes, as in
// the GGUF specification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tensor/quantized_rows.h"

namespace vivace::tensor {

//  id    name    GGUF id  elements  bytes per block; a type of weights is read by types/<name>.h
#define VIVACE_WEIGHT_DTYPES(X) \
  X(F32, "f32", 0, 1, 4)        \
  X(F16, "f16", 1, 1, 2)        \
  X(BF16, "bf16", 30, 1, 2)     \
  X(Q4_0, "q4_0", 2, 32, 18)    \
  X(Q4_1, "q4_1", 3, 32, 20)    \
  X(Q5_0, "q5_0", 6, 32, 22)    \
  X(Q5_1, "q5_1", 7, 32, 24)    \
  X(Q8_0, "q8_0", 8, 32, 34)    \
  X(Q4_K, "q4_k", 12, 256, 144) \
  X(Q5_K, "q5_k", 13, 256, 176) \
  X(Q6_K, "q6_k", 14, 256, 210)
//  The last ones are rows of activations (quantized_rows.h), whose stride QuantizedRows knows: `bytes` is
//  what a block takes of it, without what a row has once.
#define VIVACE_DTYPES(X)              \
  VIVACE_WEIGHT_DTYPES(X)             \
  X(I32, "i32", 26, 1, 4)             \
  X(I8, "i8", -1, 1, 1)               \
  X(U8Group32, "u8g32", -1, 32, 44)   \
  X(U8Group64, "u8g64", -1, 64, 76)   \
  X(U8Token, "u8token", -1, 1, 1)     \
  X(I16Group32, "i16g32", -1, 32, 80) \
  X(BF16Rows, "bf16r", -1, 1, 2)      \
  X(F32Rows, "f32r", -1, 1, 4)

enum class DType : std::uint8_t {
#define VIVACE_X(id, ...) k##id,
  VIVACE_DTYPES(VIVACE_X)
#undef VIVACE_X
};

#define VIVACE_X(...) +1
/// Types that weights may have: the first ones of the enumeration.
inline constexpr int kWeightTypes = 0 VIVACE_WEIGHT_DTYPES(VIVACE_X);
#undef VIVACE_X

struct DTypeRow {
  DType id;
  std::string_view name;
  int gguf_id;
  int block_elements;
  int block_bytes;
};

/// The row of a type; every DType has one.
const DTypeRow& Row(DType type);
/// By GGUF tensor type number; nothing for a type that this build does not know.
std::optional<DType> DTypeFromGguf(std::uint32_t gguf_id);
std::optional<DType> DTypeFromName(std::string_view name);

/// The rows that values of this type are; nothing for types of weights and plain values. Values of f32r and
/// bf16r are rows of QuantizedRows with its padded stride, not the plain arrays of f32 and bf16.
std::optional<ActivationType> ActivationOf(DType type);
DType DTypeOf(ActivationType type);

}  // namespace vivace::tensor
