#include "kernels/pack_quantize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "tensor/float16.h"

namespace vivace::kernels {
namespace {

using tensor::F16ToF32;
using tensor::F32ToF16;

/// Nearest integer of value / scale within low .. high; 0 where the scale is 0.
int Code(float value, float scale, int low, int high) {
  if (scale == 0) return 0;
  return static_cast<int>(
      std::clamp(std::nearbyint(value / scale), static_cast<float>(low), static_cast<float>(high)));
}

/// Appends a value's bytes.
template <class T>
void Append(std::vector<std::byte>& plane, T value) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  plane.insert(plane.end(), bytes, bytes + sizeof(T));
}

void QuantizeNibbles(const float* x, int count, QuantizedPlanes& planes) {
  const auto [low, high] = std::minmax_element(x, x + count);
  const std::uint16_t minimum_bits = F32ToF16(*low);
  const float minimum = F16ToF32(minimum_bits);
  const std::uint16_t scale_bits = F32ToF16((*high - minimum) / 15);
  const float scale = F16ToF32(scale_bits);
  for (int i = 0; i < count; ++i)
    planes.codes.push_back(static_cast<std::byte>(Code(x[i] - minimum, scale, 0, 15)));
  Append(planes.scales, scale_bits);
  Append(planes.minimums, minimum_bits);
}

void QuantizeBytes(const float* x, int count, bool half_scale, QuantizedPlanes& planes) {
  float largest = 0;
  for (int i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i]));
  float scale = largest / 127;
  if (half_scale) {
    const std::uint16_t bits = F32ToF16(scale);
    scale = F16ToF32(bits);
    Append(planes.scales, bits);
  } else {
    Append(planes.scales, scale);
  }
  for (int i = 0; i < count; ++i)
    planes.codes.push_back(static_cast<std::byte>(Code(x[i], scale, -127, 127)));
}

}  // namespace

QuantizedPlanes QuantizeRowsTo(tensor::WeightClass weights, const float* floats, int rows, int k) {
  const tensor::WeightClassRow& row = Row(weights);
  VIVACE_CHECK(!tensor::DTypeOf(weights) && k % row.block_k == 0);
  const bool channel = row.scales == tensor::WeightScale::kChannel;
  const int group = channel ? k : row.scale_group;
  QuantizedPlanes planes;
  planes.rows = rows;
  planes.codes.reserve(static_cast<std::size_t>(rows) * static_cast<std::size_t>(k));
  for (int r = 0; r < rows; ++r) {
    for (int g = 0; g < k; g += group, floats += group) {
      if (row.coding == tensor::WeightCoding::kNibble) {
        QuantizeNibbles(floats, group, planes);
      } else {
        QuantizeBytes(floats, group, !channel, planes);
      }
    }
  }
  return planes;
}

}  // namespace vivace::kernels
