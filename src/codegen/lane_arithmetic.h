// One lane of each operation of the vector IR, on the bits, with the corner cases of the instructions that
// the emitters pick. Internal to the interpreter and the tile unit. Pure functions.
#pragma once

#include <smmintrin.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/check.h"
#include "tensor/float16.h"

namespace vivace::codegen::lane {

inline float AsFloat(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}
inline std::uint32_t AsBits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}
inline std::int32_t AsInt(std::uint32_t bits) {
  return static_cast<std::int32_t>(bits);
}
inline bool IsNan(std::uint32_t bits) {
  return (bits & 0x7fffffffu) > 0x7f800000u;
}
inline std::uint32_t Quiet(std::uint32_t bits) {
  return bits | 0x00400000u;
}

// f32 arithmetic on the bits. A NaN operand passes through, the first one first; what is left is the
// processor's own arithmetic, so that the thread's rounding and flushing modes apply.
template <class F>
inline std::uint32_t Arithmetic(std::uint32_t a, std::uint32_t b, F f) {
  if (IsNan(a)) return Quiet(a);
  if (IsNan(b)) return Quiet(b);
  return AsBits(f(AsFloat(a), AsFloat(b)));
}
inline std::uint32_t Add(std::uint32_t a, std::uint32_t b) {
  return Arithmetic(a, b, [](float x, float y) { return x + y; });
}
inline std::uint32_t Sub(std::uint32_t a, std::uint32_t b) {
  return Arithmetic(a, b, [](float x, float y) { return x - y; });
}
inline std::uint32_t Mul(std::uint32_t a, std::uint32_t b) {
  return Arithmetic(a, b, [](float x, float y) { return x * y; });
}
inline std::uint32_t Div(std::uint32_t a, std::uint32_t b) {
  return Arithmetic(a, b, [](float x, float y) { return x / y; });
}
inline std::uint32_t Sqrt(std::uint32_t a) {
  return IsNan(a) ? Quiet(a) : AsBits(std::sqrt(AsFloat(a)));
}

// d + a * b, or d - a * b when negated; one rounding.
inline std::uint32_t Fma(std::uint32_t d, std::uint32_t a, std::uint32_t b, bool negated = false) {
  for (const std::uint32_t operand : {a, b, d}) {
    if (IsNan(operand)) return Quiet(operand);
  }
  return AsBits(std::fma(negated ? -AsFloat(a) : AsFloat(a), AsFloat(b), AsFloat(d)));
}

inline __m128 Wide(std::uint32_t bits) {
  return _mm_set_ss(AsFloat(bits));
}
inline std::uint32_t Narrow(__m128 value) {
  return AsBits(_mm_cvtss_f32(value));
}
inline std::uint32_t Min(std::uint32_t a, std::uint32_t b) {
  return Narrow(_mm_min_ss(Wide(a), Wide(b)));
}
inline std::uint32_t Max(std::uint32_t a, std::uint32_t b) {
  return Narrow(_mm_max_ss(Wide(a), Wide(b)));
}
inline std::uint32_t Round(std::uint32_t a) {
  return Narrow(_mm_round_ss(_mm_setzero_ps(), Wide(a), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline std::uint32_t ToInt(std::uint32_t a) {
  return static_cast<std::uint32_t>(_mm_cvtss_si32(Wide(a)));
}
inline std::uint32_t ToFloat(std::uint32_t a) {
  return AsBits(static_cast<float>(AsInt(a)));
}

inline std::uint32_t FromF16(std::uint16_t half) {
  const std::uint32_t bits = AsBits(tensor::F16ToF32(half));
  return IsNan(bits) ? Quiet(bits) : bits;
}

// Also where the thread does not flush denormals: the instructions for bf16 flush whatever its mode.
inline std::uint32_t Flush(std::uint32_t bits) {
  return (bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits;
}

inline std::uint16_t ToBf16(std::uint32_t bits) {
  if (IsNan(bits)) return static_cast<std::uint16_t>(Quiet(bits) >> 16);
  bits = Flush(bits);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

// The order of the instruction reference for VDPBF16PS (the odd pair first, a rounding to nearest even after
// each, denormals in and out flushed), which leaves open whether a product is rounded before it is added. Zen
// 4 does not round it: its results are these two fused steps bit for bit, NaN operands included.
inline std::uint32_t DotBf16(std::uint32_t d, std::uint32_t a, std::uint32_t b) {
  const auto step = [](std::uint32_t sum, std::uint32_t x, std::uint32_t y) {
    return Flush(Fma(sum, Flush(x), Flush(y)));
  };
  return step(step(Flush(d), a & 0xffff0000u, b & 0xffff0000u), a << 16, b << 16);
}

inline std::uint32_t Dot4(std::uint32_t d, std::uint32_t a, std::uint32_t b) {
  for (int shift = 0; shift < 32; shift += 8) {
    const auto unsigned_byte = static_cast<std::int32_t>(a >> shift & 0xff);
    const auto signed_byte = static_cast<std::int32_t>(static_cast<std::int8_t>(b >> shift & 0xff));
    d += static_cast<std::uint32_t>(unsigned_byte * signed_byte);
  }
  return d;
}

inline std::uint32_t Dot4Narrow(std::uint32_t d, std::uint32_t a, std::uint32_t b) {
  for (int shift = 0; shift < 32; shift += 8) {
    const int value = static_cast<std::int8_t>(b >> shift & 0xff);
    VIVACE_CHECK(value >= -64 && value <= 64);  // the kernel's promise
  }
  return Dot4(d, a, b);
}

inline std::uint32_t Dot2(std::uint32_t d, std::uint32_t a, std::uint32_t b) {
  for (int shift = 0; shift < 32; shift += 16) {
    const auto x = static_cast<std::int32_t>(static_cast<std::int16_t>(a >> shift & 0xffff));
    const auto y = static_cast<std::int32_t>(static_cast<std::int16_t>(b >> shift & 0xffff));
    d += static_cast<std::uint32_t>(x * y);
  }
  return d;
}

}  // namespace vivace::codegen::lane
