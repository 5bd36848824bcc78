// The first phase of -O2: embedding rows read back from packed columns, one task a row. See panel.h.
#include <array>
#include <cstdint>
#include <cstring>

#include "kernels/gemm_epilogue.h"
#include "kernels/panel.h"
#include "tensor/float16.h"

namespace vivace::kernels {

using tensor::PanelLayout;
using tensor::QuantizedRows;

namespace {

constexpr int kGroup = QuantizedRows::kGroup;

float LoadF16(const std::byte* source) {
  std::uint16_t bits;
  std::memcpy(&bits, source, sizeof(bits));
  return tensor::F16ToF32(bits);
}

// One group of column `lane` (0 .. 31) of a Q4_1 unit.
void UnpackNibbles(const std::byte* group, int lane, float* out) {
  const std::byte* parameters = group + 512;
  const float scale = LoadF16(parameters + 2 * lane);
  const float minimum = LoadF16(parameters + 2 * PanelLayout::kUnitColumns + 2 * lane);
  for (int j = 0; j < 4; ++j) {
    for (int i = 0; i < 4; ++i) {
      const auto byte = static_cast<unsigned>(group[j * 128 + lane * 4 + i]);
      out[8 * j + i] = static_cast<float>(byte & 15u) * scale + minimum;
      out[8 * j + 4 + i] = static_cast<float>(byte >> 4) * scale + minimum;
    }
  }
}

// The same of a Q8_0 unit.
void UnpackBytes(const std::byte* group, int lane, float* out) {
  const float scale = LoadF16(group + 1024 + 2 * lane);
  for (int k = 0; k < kGroup; ++k) {
    out[k] = static_cast<float>(static_cast<std::int8_t>(group[k / 4 * 128 + lane * 4 + k % 4])) * scale;
  }
}

void UnpackColumn(const PanelLayout& layout, const std::byte* weights, int column, float* out) {
  const std::byte* group = weights + column / PanelLayout::kUnitColumns * layout.unit_bytes();
  const int lane = column % PanelLayout::kUnitColumns;
  for (int g = 0; g < layout.blocks(); ++g, group += layout.row().block_bytes, out += kGroup) {
    if (layout.type == tensor::WeightClass::kQ4_1) {
      UnpackNibbles(group, lane, out);
    } else {
      UnpackBytes(group, lane, out);
    }
  }
}

int Grid(const void*, const tensor::StepView& step) {
  return step.rows;
}

void Run(const void* arguments, int task, const TaskContext& context) {
  const auto& args = *static_cast<const PanelEmbedArgs*>(arguments);
  const int hidden = args.layout.k;
  const QuantizedRows rows{hidden};
  const std::ptrdiff_t row = task;
  float* x = args.residual + row * hidden;
  UnpackColumn(args.layout, args.weights, context.step.token_ids[row], x);
  std::byte* output = args.output + row * rows.row_stride();
  const auto address = [](const void* pointer) { return reinterpret_cast<std::int64_t>(pointer); };
  std::array<std::int64_t, kEpilogueArguments> a{};
  a[kOutput] = address(x);
  a[kNormWeight] = address(args.norm_weight);
  a[kSquares] = address(args.squares_out + row * SquareStride(hidden));
  a[kQuantized] = address(output);
  a[kParameters] = address(output + rows.scale_offset());
  a[kLaneScratch] = address(context.scratch);
  args.quantize(a.data());
}

}  // namespace

TaskKernel PanelEmbedKernel() {
  return {Grid, Run};
}

}  // namespace vivace::kernels
