// Layouts of activation rows, the first operand of a packed contraction. One row is one contiguous block of
// row_stride() bytes, an odd number of cache lines, so that the rows of a tile do not alias in L1.
//
// 8-bit rows (kU8Group32, kU8Group64): groups of 32 or 64 along k, x[k] = scale[g] * (u8[k] - zero[g]):
//   u8[k] | f32 scale[groups] | i32 word[groups] | f32 sum[groups] | padding
// word holds -zero in its low 16 bits and sum(u8 - zero) of the group in its high 16 bits (both signed): one
// vpdpwssd with {sum of the weights, offset of the weights} adds -zero * sum(w) + offset * sum(u8 - zero).
// sum[g] = scale[g] * sum(u8 - zero), the sum of the dequantised group, for weights with a minimum.
//
// Two-plane rows (kI16Group32): x[k] = scale[g] * (256 * high[k] + low[k] - zero[g]), 0 <= zero < 65536:
//   u8 high[k] | u8 low[k] | f32 scale[groups] | i32 high_word[groups] | i32 low_word[groups] | f32
//   sum[groups]
// Each plane has its own word, as if it were an 8-bit row whose zero is zero / 256 or zero % 256.
//
// Rows per token (kU8Token): one group over the whole of k:
//   u8[k] | f32 scale | i32 zero | padding
//
// Float rows (kF32, kBF16): the k elements, then padding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vivace::tensor {

//  id  name  group (0: the whole row, or none)  planes  bytes of one element of a plane
#define VIVACE_ACTIVATION_TYPES(X)  \
  X(U8Group32, "u8g32", 32, 1, 1)   \
  X(U8Group64, "u8g64", 64, 1, 1)   \
  X(U8Token, "u8token", 0, 1, 1)    \
  X(I16Group32, "i16g32", 32, 2, 1) \
  X(BF16, "bf16", 0, 1, 2)          \
  X(F32, "f32", 0, 1, 4)

enum class ActivationType : std::uint8_t {
#define VIVACE_X(id, ...) k##id,
  VIVACE_ACTIVATION_TYPES(VIVACE_X)
#undef VIVACE_X
};

struct ActivationRow {
  std::string_view name;
  int group;
  int planes;
  int element_bytes;
};
inline constexpr ActivationRow kActivationRows[] = {
#define VIVACE_X(id, name, group, planes, element_bytes) {name, group, planes, element_bytes},
    VIVACE_ACTIVATION_TYPES(VIVACE_X)
#undef VIVACE_X
};
constexpr const ActivationRow& Row(ActivationType type) {
  return kActivationRows[static_cast<std::size_t>(type)];
}

struct QuantizedRows {
  int k;  // elements per row, a multiple of 32 (kU8Group64: of 64)
  ActivationType type = ActivationType::kU8Group32;

  static constexpr int kGroup = 32;  // of kU8Group32 and kI16Group32
  constexpr bool is_float() const { return type == ActivationType::kF32 || type == ActivationType::kBF16; }
  constexpr int planes() const { return Row(type).planes; }
  constexpr int group() const { return Row(type).group != 0 ? Row(type).group : k; }
  constexpr int groups() const { return is_float() ? 0 : k / group(); }
  constexpr int plane_bytes() const { return k * Row(type).element_bytes; }
  constexpr int scale_offset() const { return planes() * plane_bytes(); }
  constexpr int word_offset(int plane = 0) const { return scale_offset() + 4 * groups() * (1 + plane); }
  constexpr int sum_offset() const { return word_offset(planes()); }
  constexpr int row_bytes() const {
    if (is_float()) return plane_bytes();
    return type == ActivationType::kU8Token ? scale_offset() + 8 : sum_offset() + 4 * groups();
  }
  constexpr int row_stride() const { return (((row_bytes() + 63) / 64) | 1) * 64; }
};

}  // namespace vivace::tensor
