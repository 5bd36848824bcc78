// The one list of element types. A block type packs `block_elements` values into `block_bytes` bytes, as in
// the GGUF specification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vivace::tensor {

//        id     name    GGUF id  elements  bytes per block
#define VIVACE_DTYPES(X)      \
  X(kF32, "f32", 0, 1, 4)     \
  X(kF16, "f16", 1, 1, 2)     \
  X(kQ4_1, "q4_1", 3, 32, 20) \
  X(kQ8_0, "q8_0", 8, 32, 34) \
  X(kI32, "i32", 26, 1, 4)    \
  X(kU8Group32, "u8g32", -1, 32, 44) /* activations: see quantized_rows.h; 32 u8 + scale, zero point, sum */

enum class DType : std::uint8_t {
#define VIVACE_X(id, ...) id,
  VIVACE_DTYPES(VIVACE_X)
#undef VIVACE_X
};

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

}  // namespace vivace::tensor
