// Packers of the classes that have no type of a checkpoint: codes come as one byte each, scales and minimums
// as rows of their own (PackSource in pack_panels.h).
#include <cstdint>

#include "kernels/pack_units.h"

namespace vivace::kernels {
namespace {

using pack::kGroup;
using tensor::Row;
using tensor::WeightClass;
using tensor::WeightCoding;

/// Four columns' codes of k = first .. first + 31.
pack::FourColumns ReadCodes(const UnitRows& rows, int c, int first) {
  return pack::FourColumns([&](int r, int h) { return pack::Load(rows.data[c + r] + first + 16 * h); });
}

template <WeightClass kClass>
void PackGroups(const UnitRows& rows, int k, std::byte* unit) {
  constexpr const tensor::WeightClassRow& kRow = Row(kClass);
  constexpr bool kNibbles = kRow.coding == WeightCoding::kNibble;
  constexpr int kStepBytes = kNibbles ? 512 : 1024;  // codes of 32 of k
  constexpr int kCodes = kRow.block_k / kGroup * kStepBytes;
  for (int g = 0; g < k / kRow.block_k; ++g, unit += kRow.block_bytes) {
    for (int step = 0; step < kRow.block_k / kGroup; ++step) {
      for (int c = 0; c < kUnitColumns; c += 4) {
        const pack::FourColumns columns = ReadCodes(rows, c, g * kRow.block_k + step * kGroup);
        std::byte* target = unit + step * kStepBytes + 4 * c;
        if constexpr (kNibbles) {
          columns.PutNibbles<0>(target);
        } else {
          columns.PutBytes(target);
        }
      }
    }
    for (int c = 0; c < kUnitColumns; ++c) {
      pack::CopyHalf(unit + kCodes + 2 * c, rows.scales[c] + 2 * g);
      if (kNibbles) pack::CopyHalf(unit + kCodes + 64 + 2 * c, rows.minimums[c] + 2 * g);
    }
  }
}

/// Sum of k signed bytes.
std::int32_t SumOf(const std::byte* codes, int k) {
  const __m128i sign = _mm_set1_epi8(static_cast<char>(0x80));
  __m128i sum = _mm_setzero_si128();  // of code + 128, as two 64-bit halves
  for (int i = 0; i < k; i += 16)
    sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_xor_si128(pack::Load(codes + i), sign), _mm_setzero_si128()));
  return static_cast<std::int32_t>(_mm_extract_epi64(sum, 0) + _mm_extract_epi64(sum, 1) -
                                   std::int64_t{128} * k);
}

}  // namespace

void PackUnitInt4Group64(const UnitRows& rows, int k, std::byte* unit) {
  PackGroups<WeightClass::kInt4Group64>(rows, k, unit);
}
void PackUnitInt4Group128(const UnitRows& rows, int k, std::byte* unit) {
  PackGroups<WeightClass::kInt4Group128>(rows, k, unit);
}
void PackUnitInt8Group64(const UnitRows& rows, int k, std::byte* unit) {
  PackGroups<WeightClass::kInt8Group64>(rows, k, unit);
}
void PackUnitInt8Group128(const UnitRows& rows, int k, std::byte* unit) {
  PackGroups<WeightClass::kInt8Group128>(rows, k, unit);
}

void PackUnitInt8Channel(const UnitRows& rows, int k, std::byte* unit) {
  for (int first = 0; first < k; first += kGroup, unit += Row(WeightClass::kInt8Channel).block_bytes) {
    for (int c = 0; c < kUnitColumns; c += 4) ReadCodes(rows, c, first).PutBytes(unit + 4 * c);
  }
  for (int c = 0; c < kUnitColumns; ++c) {
    const std::int32_t sum = SumOf(rows.data[c], k);
    std::memcpy(unit + 4 * c, rows.scales[c], 4);
    std::memcpy(unit + 4 * kUnitColumns + 4 * c, &sum, 4);
  }
}

}  // namespace vivace::kernels
