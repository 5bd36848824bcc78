// One tensor of a checkpoint as a view into mapped bytes, whatever the file's format. Plain data; the data
// lives as long as the checkpoint that gave the view.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tensor/dtype.h"

namespace vivace::checkpoint {

struct TensorView {
  static constexpr int kMaxDims = 4;
  std::string_view name;  // as in the file
  tensor::DType type = tensor::DType::kF32;
  int dim_count = 0;                             // 1 .. kMaxDims
  std::array<std::int64_t, kMaxDims> dims = {};  // dims[0] is contiguous; all >= 1, 1 beyond dim_count
  std::span<const std::byte> data;  // the whole tensor; a checkpoint's views are aligned for their type

  std::int64_t elements() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
  std::int64_t row_elements() const { return dims[0]; }
  std::int64_t rows() const { return dims[1] * dims[2] * dims[3]; }
};

/// What an aligned load of the type's fields needs: 4 or 2.
inline std::uint64_t FieldBytes(tensor::DType type) {
  return type == tensor::DType::kF32 || type == tensor::DType::kI32 ? 4 : 2;
}

/// A tensor of a type or shape that this build cannot read.
struct ForeignTensor {
  std::string name;
  std::string type;  // as people write it: "q2_k", "i64", "bf16 of 5 dimensions"
  std::int64_t elements = 0;
  std::int64_t bytes = 0;
};

/// What to do with those: refuse the file, or list them (to describe a model without running it).
enum class ForeignTensors { kRefuse, kList };

}  // namespace vivace::checkpoint
