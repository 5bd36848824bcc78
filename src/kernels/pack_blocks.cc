// Packers of the GGUF block types. Each type says how the 32 codes of a group are read from a block of its
// source (layouts: tensor/types/<name>.h) and where the scales go; transposing and laying out is common.
#include "kernels/pack_units.h"
#include "tensor/types/k_scales.h"
#include "tensor/types/nibbles.h"

namespace vivace::kernels {
namespace {

using pack::CopyHalf;
using tensor::Row;
using tensor::WeightClass;
using tensor::WeightCoding;
using tensor::WeightScale;
using tensor::types::Bytes32;

constexpr int CodeBytes(WeightCoding coding) {
  constexpr int kNibbleBytes = 512, kPlane = 128;
  switch (coding) {
    case WeightCoding::kNibbleBit:
      return kNibbleBytes + kPlane;
    case WeightCoding::kSixBits:
      return kNibbleBytes + 2 * kPlane;
    case WeightCoding::kSignedByte:
      return 2 * kNibbleBytes;
    default:
      return kNibbleBytes;
  }
}

// Readers: the size of a block and Codes(block, group), as the coding of the class has them.

struct Q4_0 {
  static constexpr int kBytes = 18;
  static Bytes32 Codes(const std::byte* block, int) { return tensor::types::SplitNibbles(block + 2).bytes; }
};
struct Q4_1 {
  static constexpr int kBytes = 20;
  static Bytes32 Codes(const std::byte* block, int) { return tensor::types::SplitNibbles(block + 4).bytes; }
};
struct Q5_0 {
  static constexpr int kBytes = 22;
  static Bytes32 Codes(const std::byte* block, int) {
    return Or(tensor::types::SplitNibbles(block + 6).bytes, tensor::types::FifthBitsAt(block + 2).bytes);
  }
};
struct Q5_1 {
  static constexpr int kBytes = 24;
  static Bytes32 Codes(const std::byte* block, int) {
    return Or(tensor::types::SplitNibbles(block + 8).bytes, tensor::types::FifthBitsAt(block + 4).bytes);
  }
};
struct Q8_0 {
  static constexpr int kBytes = 34;
  static Bytes32 Codes(const std::byte* block, int) {
    return {{pack::Load(block + 2), pack::Load(block + 18)}};
  }
};
struct Q4_K {
  static constexpr int kBytes = 144;
  static Bytes32 Codes(const std::byte* block, int group) {
    return tensor::types::MaskedNibbles(block + 16 + group / 2 * 32, group % 2 * 4);
  }
};
struct Q5_K {
  static constexpr int kBytes = 176;
  static Bytes32 Codes(const std::byte* block, int group) {
    return Or(tensor::types::MaskedNibbles(block + 48 + group / 2 * 32, group % 2 * 4),
              tensor::types::FifthBitsOf32(block + 16, group).bytes);
  }
};
struct Q6_K {
  static constexpr int kBytes = 210, kScalesAt = 192, kFactorAt = 208;
  static Bytes32 Codes(const std::byte* block, int group) {
    const int half = group / 4, j = group % 4;
    const Bytes32 low = tensor::types::MaskedNibbles(block + half * 64 + j % 2 * 32, j / 2 * 4);
    const std::byte* pairs = block + 128 + half * 32;
    const __m128i mask = _mm_set1_epi8(0x30), sign = _mm_set1_epi8(0x20);
    Bytes32 high;
    for (int h = 0; h < 2; ++h) {
      const __m128i packed = pack::Load(pairs + 16 * h);
      const __m128i moved = j < 2 ? _mm_slli_epi16(packed, 4 - 2 * j) : _mm_srli_epi16(packed, 2 * j - 4);
      // Flipping bit 5 makes 0 .. 63 the two's complement of -32 .. 31.
      high.half[h] = _mm_xor_si128(_mm_and_si128(moved, mask), sign);
    }
    return Or(low, high);
  }
};

/// Scales of a class whose blocks are one group: the block starts with them.
template <WeightScale kScale>
void PutGroupScales(const UnitRows& rows, std::size_t offset, std::byte* target) {
  for (int c = 0; c < kUnitColumns; ++c) {
    CopyHalf(target + 2 * c, rows.data[c] + offset);
    if (kScale == WeightScale::kF16Minimum) CopyHalf(target + 64 + 2 * c, rows.data[c] + offset + 2);
  }
}

/// Header and scales of Q6_K: one signed byte for each 16 of k, two of a group at `scales`.
void PutSuperScales(const UnitRows& rows, std::size_t offset, std::byte* block, std::byte* scales,
                    int stride) {
  for (int c = 0; c < kUnitColumns; ++c) {
    const std::byte* source = rows.data[c] + offset;
    CopyHalf(block + 2 * c, source + Q6_K::kFactorAt);
    for (int i = 0; i < 16; ++i)
      scales[i / 2 * stride + i % 2 * kUnitColumns + c] = source[Q6_K::kScalesAt + i];
  }
}

/// Header, scales and minimums of Q4_K and Q5_K, opened from their 6 bits.
void PutSuperMinimums(const UnitRows& rows, std::size_t offset, std::byte* block, std::byte* scales,
                      int stride) {
  for (int c = 0; c < kUnitColumns; ++c) {
    const std::byte* source = rows.data[c] + offset;
    CopyHalf(block + 2 * c, source);
    CopyHalf(block + 64 + 2 * c, source + 2);
    std::uint32_t words[3];
    std::memcpy(words, source + 4, sizeof(words));
    const std::uint32_t opened[4] = {
        words[0] & 0x3f3f3f3fu, (words[2] & 0x0f0f0f0fu) | ((words[0] >> 2) & 0x30303030u),
        words[1] & 0x3f3f3f3fu, ((words[2] >> 4) & 0x0f0f0f0fu) | ((words[1] >> 2) & 0x30303030u)};
    std::byte bytes[16];
    std::memcpy(bytes, opened, sizeof(opened));
    for (int g = 0; g < 8; ++g) {
      scales[g * stride + c] = bytes[g];
      scales[g * stride + kUnitColumns + c] = bytes[8 + g];
    }
  }
}

template <class Source, WeightClass kClass>
void PackGroup(const UnitRows& rows, std::size_t offset, int group, std::byte* target) {
  constexpr WeightCoding kCoding = Row(kClass).coding;
  for (int c = 0; c < kUnitColumns; c += 4) {
    Bytes32 codes[4];
    for (int r = 0; r < 4; ++r) codes[r] = Source::Codes(rows.data[c + r] + offset, group);
    const pack::FourColumns columns([&](int r, int h) { return codes[r].half[h]; });
    std::byte* at = target + 4 * c;
    if constexpr (kCoding == WeightCoding::kSignedByte) {
      columns.PutBytes(at);
    } else if constexpr (kCoding == WeightCoding::kSixBits) {
      columns.PutNibbles<2>(at);
      columns.PutBitPairs(at + 512);
    } else {
      columns.PutNibbles<0>(at);
      if constexpr (kCoding == WeightCoding::kNibbleBit) columns.PutFifthBits(at + 512);
    }
  }
}

template <class Source, WeightClass kClass>
void PackBlocks(const UnitRows& rows, int k, std::byte* unit) {
  constexpr const tensor::WeightClassRow& kRow = Row(kClass);
  constexpr int kCodes = CodeBytes(kRow.coding), kGroups = kRow.block_k / pack::kGroup;
  constexpr int kHeader = kRow.scales == WeightScale::kSuper          ? 64
                          : kRow.scales == WeightScale::kSuperMinimum ? 128
                                                                      : 0;
  constexpr int kStride = (kRow.block_bytes - kHeader) / kGroups;  // bytes of a group
  for (int block = 0; block < k / kRow.block_k; ++block, unit += kRow.block_bytes) {
    const std::size_t offset = static_cast<std::size_t>(block) * Source::kBytes;
    for (int group = 0; group < kGroups; ++group)
      PackGroup<Source, kClass>(rows, offset, group, unit + kHeader + group * kStride);
    std::byte* scales = unit + kHeader + kCodes;
    if constexpr (kRow.scales == WeightScale::kSuper) {
      PutSuperScales(rows, offset, unit, scales, kStride);
    } else if constexpr (kRow.scales == WeightScale::kSuperMinimum) {
      PutSuperMinimums(rows, offset, unit, scales, kStride);
    } else {
      PutGroupScales<kRow.scales>(rows, offset, scales);
    }
  }
}

}  // namespace

#define VIVACE_PACK(id)                                             \
  void PackUnit##id(const UnitRows& rows, int k, std::byte* unit) { \
    PackBlocks<id, tensor::WeightClass::k##id>(rows, k, unit);      \
  }
VIVACE_PACK(Q4_0)
VIVACE_PACK(Q4_1)
VIVACE_PACK(Q5_0)
VIVACE_PACK(Q5_1)
VIVACE_PACK(Q8_0)
VIVACE_PACK(Q4_K)
VIVACE_PACK(Q5_K)
VIVACE_PACK(Q6_K)
#undef VIVACE_PACK

}  // namespace vivace::kernels
