#include "tensor/random_row.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "tensor/dequantize.h"
#include "tensor/float16.h"
#include "tensor/types/types.h"

namespace vivace::tensor {
namespace {

std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// The words of one row, by counter.
class Words {
 public:
  Words(std::uint64_t seed, std::uint64_t row) : key_(Mix(Mix(seed + 0x9E3779B97F4A7C15u) + row)) {}
  std::uint64_t Next() { return Mix(key_ + 0x9E3779B97F4A7C15u * ++count_); }

 private:
  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

/// About normal: the sum of four uniform numbers of 16 bits, whose deviation is 65536 / sqrt(3).
float Normal(std::uint64_t word) {
  int sum = 0;
  for (int i = 0; i < 4; ++i) sum += static_cast<int>((word >> (16 * i)) & 0xffff);
  return static_cast<float>(sum - 2 * 65535) * (1.7320508f / 65536.0f);
}

void PutElement(DType type, float value, std::byte* out) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint16_t half = type == DType::kF16 ? F32ToF16(value) : static_cast<std::uint16_t>(bits >> 16);
  if (type == DType::kF32) {
    std::memcpy(out, &value, sizeof(value));
  } else {
    std::memcpy(out, &half, sizeof(half));
  }
}

/// Four uniform numbers a word: dummies of this type are the largest, and their values are most of a start.
void FillBf16(Words& words, std::int64_t elements, float deviation, std::byte* out) {
  const float step = deviation * (1.7320508f / 32768.0f);
  for (std::int64_t i = 0; i < elements; i += 4) {
    const std::uint64_t word = words.Next();
    std::uint16_t values[4];
    for (int k = 0; k < 4; ++k) {
      const auto number = static_cast<float>(static_cast<std::int16_t>(word >> (16 * k)));
      values[k] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(number * step) >> 16);
    }
    const auto count = static_cast<std::size_t>(std::min<std::int64_t>(4, elements - i));
    std::memcpy(out + 2 * i, values, count * sizeof(values[0]));
  }
}

/// A scale is never rounded to zero or infinity.
std::uint16_t ScaleBits(float scale) {
  return std::clamp<std::uint16_t>(F32ToF16(scale), 1, 0x7bff);
}

/// Gives a block of random bytes a scale, and the minimum that centres its values. Half of the blocks have a
/// negative scale: integers of some types have a mean of -1/2.
void SetScales(const types::BlockFill& fill, float deviation, bool negative, std::byte* block) {
  const std::uint16_t sign = negative ? 0x8000 : 0;
  const std::uint16_t scale = ScaleBits(deviation / fill.deviation);
  const auto signed_scale = static_cast<std::uint16_t>(scale | sign);
  std::memcpy(block + fill.scale_at, &signed_scale, sizeof(scale));
  if (fill.minimum_at < 0) return;
  // A K type subtracts its minimums, and has a factor of each: the same as its scales.
  const bool paired = fill.paired_scales_at >= 0;
  const auto minimum =
      static_cast<std::uint16_t>(ScaleBits(F16ToF32(scale) * fill.centre) | (paired ? sign : sign ^ 0x8000));
  std::memcpy(block + fill.minimum_at, &minimum, sizeof(minimum));
  if (!paired) return;
  std::byte* scales = block + fill.paired_scales_at;
  std::memcpy(scales + 4, scales, 4);
  for (int i = 8; i < 12; ++i) {
    scales[i] = (scales[i] & std::byte{15}) | (scales[i] << 4);
  }
}

types::BlockFill FillOf(DType type) {
  switch (type) {
#define VIVACE_X(id, ...) \
  case DType::k##id:      \
    return types::id::kFill;
    VIVACE_WEIGHT_DTYPES(VIVACE_X)
#undef VIVACE_X
    default:
      return {};
  }
}

}  // namespace

void RandomRow(DType type, std::uint64_t seed, std::uint64_t row, std::int64_t elements, float deviation,
               std::byte* out) {
  VIVACE_CHECK(CanDequantize(type) && deviation > 0);
  const DTypeRow& facts = Row(type);
  VIVACE_CHECK(elements % facts.block_elements == 0);
  Words words(seed, row);
  if (type == DType::kBF16) return FillBf16(words, elements, deviation, out);
  if (facts.block_elements == 1) {
    for (std::int64_t i = 0; i < elements; ++i) {
      PutElement(type, Normal(words.Next()) * deviation, out + i * facts.block_bytes);
    }
    return;
  }
  const types::BlockFill fill = FillOf(type);
  for (std::int64_t block = 0; block < elements / facts.block_elements; ++block, out += facts.block_bytes) {
    const bool negative = (words.Next() >> 63) != 0;
    for (int i = 0; i < facts.block_bytes; i += 8) {
      const std::uint64_t word = words.Next();
      std::memcpy(out + i, &word, static_cast<std::size_t>(std::min(8, facts.block_bytes - i)));
    }
    SetScales(fill, deviation, negative, out);
  }
}

}  // namespace vivace::tensor
