// For tests: one packed weight, read slowly by the words of tensor/packed_panel.h alone, as an opinion of its
// own beside the packers, the kernels and UnpackColumn.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "tensor/float16.h"
#include "tensor/packed_panel.h"

namespace vivace::kernels {

class PackedValueReader {
 public:
  PackedValueReader(const tensor::PanelLayout& layout, const std::byte* panels)
      : layout_(layout), panels_(panels) {}

  /// Value of (k, column); columns up to the padded count.
  float Value(int k, int column) const {
    const std::byte* unit = panels_ + static_cast<std::size_t>(column / 32) * layout_.unit_bytes();
    const std::byte* block = unit + static_cast<std::size_t>(k / row().block_k) * row().block_bytes;
    const int lane = column % 32, in_block = k % row().block_k;
    if (row().coding == tensor::WeightCoding::kF32) return Read<float>(block + 4 * lane);
    if (row().coding == tensor::WeightCoding::kF16) return Half(block + 2 * lane);
    if (row().coding == tensor::WeightCoding::kBF16) {
      const std::uint32_t bits = Read<std::uint16_t>(block + 4 * lane + 2 * in_block);
      return std::bit_cast<float>(bits << 16);
    }
    const int group_k = GroupK(), in_group = in_block % group_k;
    const std::byte* group = block + HeaderBytes() + in_block / group_k * GroupBytes();
    const auto code = static_cast<float>(Code(group, lane, in_group));
    return Scaled(code, block, group + CodeBytes(), unit, lane, in_group);
  }
  /// The code of (k, column), before scale and offset, for classes that have codes.
  int CodeAt(int k, int column) const {
    const std::byte* block = panels_ + static_cast<std::size_t>(column / 32) * layout_.unit_bytes() +
                             static_cast<std::size_t>(k / row().block_k) * row().block_bytes;
    const int in_block = k % row().block_k;
    return Code(block + HeaderBytes() + in_block / GroupK() * GroupBytes(), column % 32, in_block % GroupK());
  }

 private:
  const tensor::WeightClassRow& row() const { return layout_.row(); }

  template <class T>
  static T Read(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
  }
  static float Half(const std::byte* at) { return tensor::F16ToF32(Read<std::uint16_t>(at)); }

  bool IsSuper() const {
    return row().scales == tensor::WeightScale::kSuper || row().scales == tensor::WeightScale::kSuperMinimum;
  }
  int HeaderBytes() const {
    if (row().scales == tensor::WeightScale::kSuper) return 64;
    return row().scales == tensor::WeightScale::kSuperMinimum ? 128 : 0;
  }
  int GroupK() const { return IsSuper() || row().block_k == 32 ? 32 : row().block_k; }
  int GroupBytes() const { return (row().block_bytes - HeaderBytes()) / (row().block_k / GroupK()); }
  int CodeBytes() const {
    switch (row().coding) {
      case tensor::WeightCoding::kNibble:
        return GroupK() * 16;
      case tensor::WeightCoding::kNibbleBit:
        return 512 + 128;
      case tensor::WeightCoding::kSixBits:
        return 512 + 256;
      default:
        return GroupK() * 32;
    }
  }

  int Code(const std::byte* group, int lane, int k) const {
    if (row().coding == tensor::WeightCoding::kSignedByte)
      return Read<std::int8_t>(group + k / 4 * 128 + lane * 4 + k % 4);
    const auto byte = Read<std::uint8_t>(group + k / 8 * 128 + lane * 4 + k % 4);
    const int nibble = k % 8 < 4 ? byte & 15 : byte >> 4;
    if (row().coding == tensor::WeightCoding::kNibble) return nibble;
    if (row().coding == tensor::WeightCoding::kNibbleBit) {
      const auto bits = Read<std::uint8_t>(group + 512 + lane * 4 + k % 4);
      return nibble + 16 * (bits >> (k / 4) & 1);
    }
    const auto pairs = Read<std::uint8_t>(group + 512 + k / 16 * 128 + lane * 4 + k % 4);
    const int six = nibble * 4 + (pairs >> (k / 4 % 4 * 2) & 3);
    return six < 32 ? six : six - 64;
  }

  float Scaled(float code, const std::byte* block, const std::byte* scales, const std::byte* unit, int lane,
               int k) const {
    switch (row().scales) {
      case tensor::WeightScale::kF16:
        return (code + static_cast<float>(row().offset)) * Half(scales + 2 * lane);
      case tensor::WeightScale::kF16Minimum: {
        const float product = code * Half(scales + 2 * lane);
        return product + Half(scales + 64 + 2 * lane);
      }
      case tensor::WeightScale::kSuper:
        return code *
               (Half(block + 2 * lane) * static_cast<float>(Read<std::int8_t>(scales + k / 16 * 32 + lane)));
      case tensor::WeightScale::kSuperMinimum: {
        const float product =
            code * (Half(block + 2 * lane) * static_cast<float>(Read<std::uint8_t>(scales + lane)));
        return product -
               Half(block + 64 + 2 * lane) * static_cast<float>(Read<std::uint8_t>(scales + 32 + lane));
      }
      default:
        return code * Read<float>(unit + layout_.unit_bytes() - 256 + 4 * lane);
    }
  }

  tensor::PanelLayout layout_;
  const std::byte* panels_;
};

}  // namespace vivace::kernels
