// The first phase of -O2: embedding rows read back from packed columns, one task a row. See panel.h.
#include <array>
#include <cstdint>

#include "kernels/gemm_epilogue.h"
#include "kernels/panel.h"
#include "kernels/unpack_column.h"

namespace vivace::kernels {

using tensor::QuantizedRows;

namespace {

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
  a[kResult] = address(x);
  a[kRows] = rows.groups();
  a[kNormWeight] = address(args.norm_weight);
  a[kSquares] = address(args.squares_out + row * SquareStride(hidden));
  a[kBytes] = address(output);
  a[kParameters] = address(output + rows.scale_offset());
  a[kLaneScratch] = address(context.scratch);
  args.quantize(a.data());
}

}  // namespace

TaskKernel PanelEmbedKernel() {
  return {Grid, Run};
}

}  // namespace vivace::kernels
