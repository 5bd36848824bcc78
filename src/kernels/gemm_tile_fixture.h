// For tests of the integer contraction: random packed units and activation rows of every type, with the
// values that the layouts of packed_panel.h and quantized_rows.h give them, read independently of the
// kernels.
#pragma once

#include <cstring>
#include <vector>

#include "kernels/gemm_tile.h"
#include "kernels/panel_fixture.h"

namespace vivace::kernels {

template <class T>
T ReadAs(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// One unit of 32 columns.
struct RandomUnit {
  tensor::PanelLayout layout;
  Guarded<std::byte> bytes;

  RandomUnit(Random& random, tensor::WeightClass type, int k)
      : layout{type, k, tensor::PanelLayout::kUnitColumns}, bytes(layout.unit_bytes()) {
    for (std::size_t i = 0; i < bytes.bytes(); ++i) bytes[i] = static_cast<std::byte>(random() & 255u);
    for (int block = 0; block < layout.blocks(); ++block) SetScales(random, block);
    if (layout.trailer_bytes() != 0) SetTrailer(random);
  }
  /// Value of column c at k.
  double Value(int k, int c) const {
    const tensor::WeightClassRow& row = layout.row();
    const std::byte* block = Block(k / row.block_k);
    const std::byte* group = block + Header() + k % row.block_k / GroupK() * GroupBytes();
    const std::byte* scales = group + GroupBytes() - ScaleBytes();
    const int in_group = k % GroupK(), code = Code(group, in_group, c) + row.offset;
    switch (row.scales) {
      case tensor::WeightScale::kF16:
        return Half(scales + 2 * c) * code;
      case tensor::WeightScale::kF16Minimum:
        return Half(scales + 2 * c) * code + Half(scales + 64 + 2 * c);
      case tensor::WeightScale::kSuper:
        return Half(block + 2 * c) * ReadAs<std::int8_t>(scales + in_group / 16 * 32 + c) * code;
      case tensor::WeightScale::kSuperMinimum:
        return Half(block + 2 * c) * ReadAs<std::uint8_t>(scales + c) * code -
               Half(block + 64 + 2 * c) * ReadAs<std::uint8_t>(scales + 32 + c);
      default:
        return static_cast<double>(ReadAs<float>(Trailer() + 4 * c)) * code;
    }
  }
  /// Every byte of codes and bits becomes `fill`.
  void FillCodes(int fill) {
    for (int block = 0; block < layout.blocks(); ++block) {
      for (int at = Header(); at < layout.row().block_bytes; at += GroupBytes())
        std::memset(Block(block) + at, fill, GroupBytes() - ScaleBytes());
    }
    for (int c = 0; c < 32 && layout.trailer_bytes() != 0; ++c) {
      const std::int32_t sum = layout.k * static_cast<std::int8_t>(fill);
      std::memcpy(Trailer() + 128 + 4 * c, &sum, 4);
    }
  }

 private:
  static double Half(const std::byte* at) { return tensor::F16ToF32(ReadAs<std::uint16_t>(at)); }
  void SetHalf(std::byte* at, float value) {
    const std::uint16_t bits = tensor::F32ToF16(value);
    std::memcpy(at, &bits, 2);
  }
  int Header() const {
    const tensor::WeightScale scales = layout.row().scales;
    return scales == tensor::WeightScale::kSuperMinimum ? 128
           : scales == tensor::WeightScale::kSuper      ? 64
                                                        : 0;
  }
  int GroupK() const { return Header() != 0 ? 32 : layout.row().block_k; }
  int GroupBytes() const { return (layout.row().block_bytes - Header()) / (layout.row().block_k / GroupK()); }
  int ScaleBytes() const {
    constexpr int kBytes[] = {0, 64, 128, 64, 64, 0};
    return kBytes[static_cast<int>(layout.row().scales)];
  }
  std::byte* Block(int i) const {
    return const_cast<std::byte*>(bytes.data()) + static_cast<std::ptrdiff_t>(i) * layout.row().block_bytes;
  }
  std::byte* Trailer() const { return Block(layout.blocks()); }

  int Code(const std::byte* group, int k, int c) const {
    const int lane = c % 16 * 4 + k % 4, v = c / 16;
    const auto byte = [&](int at) { return static_cast<int>(ReadAs<std::uint8_t>(group + at)); };
    const auto nibble = [&] { return byte((k / 8 * 2 + v) * 64 + lane) >> (k % 8 < 4 ? 0 : 4) & 15; };
    switch (layout.row().coding) {
      case tensor::WeightCoding::kNibble:
        return nibble();
      case tensor::WeightCoding::kNibbleBit:
        return nibble() | (byte(512 + v * 64 + lane) >> (k / 4) & 1) << 4;
      case tensor::WeightCoding::kSixBits: {
        const int code = nibble() << 2 | (byte(512 + (k / 16 * 2 + v) * 64 + lane) >> (k % 16 / 4 * 2) & 3);
        return code < 32 ? code : code - 64;
      }
      default:
        return ReadAs<std::int8_t>(group + (k / 4 * 2 + v) * 64 + lane);
    }
  }
  void SetScales(Random& random, int block) {
    if (Header() != 0) {
      for (int i = 0; i < 32; ++i) SetHalf(Block(block) + 2 * i, Uniform(random, 0.0001f, 0.0004f));
      if (Header() == 128) {
        for (int i = 32; i < 64; ++i) SetHalf(Block(block) + 2 * i, Uniform(random, 0.0001f, 0.0004f));
      }
      return;
    }
    std::byte* scales = Block(block) + GroupBytes() - ScaleBytes();
    for (int i = 0; i < ScaleBytes() / 2; ++i) {
      SetHalf(scales + 2 * i, i < 32 ? Uniform(random, -0.002f, 0.004f) : Uniform(random, -0.03f, 0.01f));
    }
  }
  void SetTrailer(Random& random) {
    for (int c = 0; c < 32; ++c) {
      const float scale = Uniform(random, 0.001f, 0.004f);
      std::int32_t sum = 0;
      for (int k = 0; k < layout.k; ++k) sum += Code(Block(k / 32), k % 32, c);
      std::memcpy(Trailer() + 4 * c, &scale, 4);
      std::memcpy(Trailer() + 128 + 4 * c, &sum, 4);
    }
  }
};

/// Random rows of any integer type, as a producer would leave them.
struct RandomRows {
  tensor::QuantizedRows layout;
  Guarded<std::byte> bytes;

  RandomRows(Random& random, tensor::ActivationType type, int k, int rows)
      : layout{k, type}, bytes(static_cast<std::size_t>(layout.row_stride()) * rows) {
    for (int r = 0; r < rows; ++r) {
      std::byte* row = bytes.data() + static_cast<std::ptrdiff_t>(r) * layout.row_stride();
      for (int i = 0; i < layout.scale_offset(); ++i) row[i] = static_cast<std::byte>(random() & 255u);
      for (int g = 0; g < layout.groups(); ++g) SetGroup(random, row, g);
    }
  }
  const std::byte* Row(int r) const {
    return bytes.data() + static_cast<std::ptrdiff_t>(r) * layout.row_stride();
  }
  double Value(int r, int k) const {
    const std::byte* row = Row(r);
    const int g = k / layout.group();
    const double scale = ReadAs<float>(row + layout.scale_offset() + 4 * g);
    if (layout.type == tensor::ActivationType::kU8Token)
      return scale * (Byte(row, k) - ReadAs<std::int32_t>(row + layout.scale_offset() + 4));
    int value = 0;
    for (int p = 0; p < layout.planes(); ++p)
      value = 256 * value + Byte(row, p * layout.k + k) +
              ReadAs<std::int16_t>(row + layout.word_offset(p) + 4 * g);
    return scale * value;
  }

 private:
  static int Byte(const std::byte* row, int at) { return static_cast<int>(row[at]); }
  void SetGroup(Random& random, std::byte* row, int g) {
    const float scale = UniformInt(random, 0, 15) == 0 ? 0.0f : Uniform(random, 0.001f, 0.02f);
    std::memcpy(row + layout.scale_offset() + 4 * g, &scale, 4);
    if (layout.type == tensor::ActivationType::kU8Token) {
      const std::int32_t zero = UniformInt(random, 0, 255);
      std::memcpy(row + layout.scale_offset() + 4, &zero, 4);
      return;
    }
    int sum = 0;
    for (int p = 0; p < layout.planes(); ++p) {
      const int zero = UniformInt(random, 0, 255);
      int plane_sum = 0;
      for (int i = 0; i < layout.group(); ++i)
        plane_sum += Byte(row, p * layout.k + g * layout.group() + i) - zero;
      const std::uint32_t word =
          (static_cast<std::uint32_t>(-zero) & 0xffffu) | static_cast<std::uint32_t>(plane_sum) << 16;
      std::memcpy(row + layout.word_offset(p) + 4 * g, &word, 4);
      sum = 256 * sum + plane_sum;
    }
    const float scaled = scale * static_cast<float>(sum);
    std::memcpy(row + layout.sum_offset() + 4 * g, &scaled, 4);
  }
};

}  // namespace vivace::kernels
