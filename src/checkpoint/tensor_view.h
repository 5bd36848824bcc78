// One tensor of a checkpoint as a view into mapped bytes, whatever the file's format. Plain data; the data
// lives as long as the checkpoint that gave the view.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tensor/dtype.h"

namespace vivace::checkpoint {

struct TensorView {
  static constexpr int kMaxDims = 4;
  std::string_view name;  // as in the file
  tensor::DType type = tensor::DType::kF32;
  int dim_count = 0;                             // 1 .. kMaxDims
  std::array<std::int64_t, kMaxDims> dims = {};  // dims[0] is contiguous; all >= 1, 1 beyond dim_count
  std::span<const std::byte> data;               // the whole tensor, aligned for its type within the file

  std::int64_t elements() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
  std::int64_t row_elements() const { return dims[0]; }
  std::int64_t rows() const { return dims[1] * dims[2] * dims[3]; }
};

}  // namespace vivace::checkpoint
