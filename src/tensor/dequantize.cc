#include "tensor/dequantize.h"

#include <cstring>

#include "base/check.h"
#include "tensor/float16.h"

namespace vivace::tensor {
namespace {

float LoadF16(const std::byte* src) {
  std::uint16_t bits;
  std::memcpy(&bits, src, sizeof(bits));
  return F16ToF32(bits);
}

void DequantizeF16(const std::byte* src, std::int64_t elements, float* out) {
  for (std::int64_t i = 0; i < elements; ++i) out[i] = LoadF16(src + 2 * i);
}

// One block: f16 scale, f16 minimum, 16 bytes with elements i (low nibble) and i + 16 (high nibble).
void DequantizeQ41(const std::byte* src, std::int64_t elements, float* out) {
  for (std::int64_t block = 0; block < elements / 32; ++block, src += 20, out += 32) {
    const float scale = LoadF16(src);
    const float minimum = LoadF16(src + 2);
    for (int i = 0; i < 16; ++i) {
      const int pair = std::to_integer<int>(src[4 + i]);
      out[i] = static_cast<float>(pair & 15) * scale + minimum;
      out[i + 16] = static_cast<float>(pair >> 4) * scale + minimum;
    }
  }
}

// One block: f16 scale, 32 signed bytes.
void DequantizeQ80(const std::byte* src, std::int64_t elements, float* out) {
  for (std::int64_t block = 0; block < elements / 32; ++block, src += 34, out += 32) {
    const float scale = LoadF16(src);
    for (int i = 0; i < 32; ++i) {
      const auto value = static_cast<std::int8_t>(std::to_integer<std::uint8_t>(src[2 + i]));
      out[i] = static_cast<float>(value) * scale;
    }
  }
}

}  // namespace

std::size_t RowBytes(DType type, std::int64_t elements) {
  const DTypeRow& row = Row(type);
  VIVACE_DCHECK(elements >= 0 && elements % row.block_elements == 0);
  return static_cast<std::size_t>(elements / row.block_elements) * static_cast<std::size_t>(row.block_bytes);
}

bool CanDequantize(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kQ4_1 || type == DType::kQ8_0;
}

void DequantizeRow(DType type, const std::byte* src, std::int64_t elements, float* out) {
  VIVACE_DCHECK(elements % Row(type).block_elements == 0);
  switch (type) {
    case DType::kF32:
      std::memcpy(out, src, static_cast<std::size_t>(elements) * sizeof(float));
      return;
    case DType::kF16:
      return DequantizeF16(src, elements, out);
    case DType::kQ4_1:
      return DequantizeQ41(src, elements, out);
    case DType::kQ8_0:
      return DequantizeQ80(src, elements, out);
    case DType::kI32:
    case DType::kU8Group32:
      break;
  }
  VIVACE_CHECK(CanDequantize(type));
}

}  // namespace vivace::tensor
