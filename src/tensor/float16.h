// IEEE 754 binary16 in software, exact, for any CPU. 16-bit values are kept as their bits.
#pragma once

#include <bit>
#include <cstdint>

namespace vivace::tensor {

/// Exact: every binary16 value, subnormals, infinities and NaN payloads included, is a binary32 value.
constexpr float F16ToF32(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t shifted = (half & 0x7fffu) << 13;
  constexpr std::uint32_t kExponentMask = 0x7c00u << 13;
  const std::uint32_t exponent = shifted & kExponentMask;
  if (exponent == kExponentMask) return std::bit_cast<float>(sign | shifted | 0x7f800000u);
  if (exponent == 0) {
    // 2^-14 with the fraction under it, minus 2^-14: normalises exactly, and never touches a binary32
    // subnormal.
    const float value = std::bit_cast<float>(shifted + (113u << 23)) - std::bit_cast<float>(113u << 23);
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
  }
  return std::bit_cast<float>(sign | (shifted + (112u << 23)));
}

/// Rounds to nearest, ties to even, as the F16C instruction does; beyond the range gives infinity; NaN stays
/// NaN (quiet).
constexpr std::uint16_t F32ToF16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) {  // NaN: keep the top of the payload, set the quiet bit
    half = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {  // 65520 and above rounds to infinity
    half = 0x7c00u;
  } else if (magnitude <
             0x38800000u) {  // below 2^-14: the sum's last place is 2^-24, so that the addition rounds for us
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    half = std::bit_cast<std::uint32_t>(sum) - 0x3f000000u;
  } else {
    half = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

}  // namespace vivace::tensor
