// UnpackColumn: codes of a group first, as small integers, then its scale. See tensor/packed_panel.h.
#include "kernels/unpack_column.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "tensor/float16.h"

namespace vivace::kernels {

using tensor::PanelLayout;
using tensor::WeightClassRow;
using tensor::WeightCoding;
using tensor::WeightScale;

namespace {

constexpr int kColumns = PanelLayout::kUnitColumns;
constexpr int kLine = kColumns * 4;  // bytes of four codes of each column
constexpr int kMaxGroup = 128;

std::uint8_t Byte(const std::byte* at) {
  return static_cast<std::uint8_t>(*at);
}
float Half(const std::byte* at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return tensor::F16ToF32(bits);
}

/// Codes of a group of `count` along k of column `lane`; returns where the group's scales begin.
using Codes = std::int8_t[kMaxGroup];

const std::byte* ReadBytes(const std::byte* group, int count, int lane, Codes& codes) {
  for (int k = 0; k < count; ++k)
    codes[k] = static_cast<std::int8_t>(Byte(group + k / 4 * kLine + lane * 4 + k % 4));
  return group + count * kColumns;
}

const std::byte* ReadNibbles(const std::byte* group, int count, int lane, Codes& codes) {
  for (int j = 0; j < count / 8; ++j) {
    for (int i = 0; i < 4; ++i) {
      const std::uint8_t byte = Byte(group + j * kLine + lane * 4 + i);
      codes[8 * j + i] = static_cast<std::int8_t>(byte & 15);
      codes[8 * j + 4 + i] = static_cast<std::int8_t>(byte >> 4);
    }
  }
  return group + count * kColumns / 2;
}

const std::byte* ReadNibblesAndBit(const std::byte* group, int count, int lane, Codes& codes) {
  const std::byte* bits = ReadNibbles(group, count, lane, codes);
  for (int k = 0; k < count; ++k) {
    const int bit = Byte(bits + lane * 4 + k % 4) >> (k / 4) & 1;
    codes[k] = static_cast<std::int8_t>(codes[k] + 16 * bit);
  }
  return bits + kLine;
}

const std::byte* ReadSixBits(const std::byte* group, int count, int lane, Codes& codes) {
  const std::byte* pairs = ReadNibbles(group, count, lane, codes);
  for (int k = 0; k < count; ++k) {
    const int pair = Byte(pairs + k / 16 * kLine + lane * 4 + k % 4) >> (k / 4 % 4 * 2) & 3;
    // The nibble is the upper four bits of a two's complement.
    codes[k] = static_cast<std::int8_t>(((codes[k] ^ 8) - 8) * 4 + pair);
  }
  return pairs + 2 * kLine;
}

const std::byte* ReadCodes(WeightCoding coding, const std::byte* group, int count, int lane, Codes& codes) {
  switch (coding) {
    case WeightCoding::kNibble:
      return ReadNibbles(group, count, lane, codes);
    case WeightCoding::kNibbleBit:
      return ReadNibblesAndBit(group, count, lane, codes);
    case WeightCoding::kSixBits:
      return ReadSixBits(group, count, lane, codes);
    default:
      return ReadBytes(group, count, lane, codes);
  }
}

/// out = (code + offset) * scale + minimum, where the class has a minimum.
struct Affine {
  int offset;
  float scale, minimum;
  bool has_minimum;
};
void Apply(const Affine& affine, const std::int8_t* codes, int count, float* out) {
  for (int k = 0; k < count; ++k) out[k] = static_cast<float>(codes[k] + affine.offset) * affine.scale;
  if (!affine.has_minimum) return;
  for (int k = 0; k < count; ++k) out[k] += affine.minimum;
}

/// Values of one group; `block` has the header of super scales. Returns where the next group begins.
const std::byte* UnpackGroup(const WeightClassRow& row, const std::byte* block, const std::byte* group,
                             int count, int lane, float channel_scale, float* out) {
  Codes codes;
  const std::byte* scales = ReadCodes(row.coding, group, count, lane, codes);
  switch (row.scales) {
    case WeightScale::kF16:
      Apply({row.offset, Half(scales + 2 * lane), 0, false}, codes, count, out);
      return scales + 2 * kColumns;
    case WeightScale::kF16Minimum:
      Apply({0, Half(scales + 2 * lane), Half(scales + 2 * (kColumns + lane)), true}, codes, count, out);
      return scales + 4 * kColumns;
    case WeightScale::kSuper: {
      const float factor = Half(block + 2 * lane);
      for (int half = 0; half < 2; ++half) {
        const auto scale = static_cast<std::int8_t>(Byte(scales + half * kColumns + lane));
        Apply({0, factor * static_cast<float>(scale), 0, false}, codes + 16 * half, 16, out + 16 * half);
      }
      return scales + 2 * kColumns;
    }
    case WeightScale::kSuperMinimum: {
      const auto scale = static_cast<float>(Byte(scales + lane));
      const auto minimum = static_cast<float>(Byte(scales + kColumns + lane));
      Apply({0, Half(block + 2 * lane) * scale, -Half(block + 2 * (kColumns + lane)) * minimum, true}, codes,
            count, out);
      return scales + 2 * kColumns;
    }
    default:
      Apply({0, channel_scale, 0, false}, codes, count, out);
      return scales;
  }
}

void UnpackFloats(const PanelLayout& layout, const std::byte* unit, int lane, float* out) {
  for (int k = 0; k < layout.width(); ++k) {
    switch (layout.row().coding) {
      case WeightCoding::kF32:
        std::memcpy(&out[k], unit + k * kLine + 4 * lane, 4);
        break;
      case WeightCoding::kF16:
        out[k] = Half(unit + k * kLine / 2 + 2 * lane);
        break;
      default:
        std::uint16_t bits;
        std::memcpy(&bits, unit + k / 2 * kLine + 4 * lane + k % 2 * 2, sizeof(bits));
        out[k] = std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
    }
  }
}

}  // namespace

void UnpackColumn(const PanelLayout& layout, const std::byte* panels, int column, float* out) {
  const WeightClassRow& row = layout.row();
  const std::byte* unit = panels + static_cast<std::size_t>(column / kColumns) * layout.unit_bytes();
  const int lane = column % kColumns;
  if (row.scales == WeightScale::kNone) return UnpackFloats(layout, unit, lane, out);
  const bool super = row.scales == WeightScale::kSuper || row.scales == WeightScale::kSuperMinimum;
  const int header = row.scales == WeightScale::kSuper ? 2 * kColumns : super ? 4 * kColumns : 0;
  const int group_k = super ? 32 : row.block_k;
  float channel_scale = 0;
  if (row.scales == WeightScale::kChannel)
    std::memcpy(&channel_scale, unit + layout.unit_bytes() - layout.trailer_bytes() + 4 * lane, 4);
  for (int b = 0; b < layout.blocks(); ++b) {
    const std::byte* block = unit + static_cast<std::size_t>(b) * row.block_bytes;
    const std::byte* group = block + header;
    for (int k = 0; k < row.block_k; k += group_k, out += group_k)
      group = UnpackGroup(row, block, group, group_k, lane, channel_scale, out);
  }
}

}  // namespace vivace::kernels
