// Picks the portable kernels for this CPU and says how many tasks a step has. Thread-safe: everything is
// constant after first use.
#include "kernels/portable.h"

#include "base/check.h"
#include "base/cpu_features.h"
#include "kernels/portable_tables.h"

namespace vivace::kernels {
namespace {

/// Longest contraction: a tile of weight rows must fit in scratch.
constexpr int kLongestLinear = 32768;

int TasksOf(int count, int per_task) {
  return (count + per_task - 1) / per_task;
}

int RowGrid(const void*, const tensor::StepView& step) {
  return TasksOf(step.rows, kPortableTaskRows);
}

int GatherGrid(const void*, const tensor::StepView& step) {
  return TasksOf(step.logit_count, kPortableTaskRows);
}

int LinearGrid(const void* arguments, const tensor::StepView& step) {
  const auto& args = *static_cast<const LinearArgs*>(arguments);
  VIVACE_CHECK(args.k <= kLongestLinear);
  const int rows = args.logit_rows_only ? step.logit_count : step.rows;
  return rows == 0 ? 0 : TasksOf(args.n, kLinearTaskColumns);
}

int AttentionGrid(const void* arguments, const tensor::StepView& step) {
  return step.attention_tile_count * static_cast<const AttentionArgs*>(arguments)->heads;
}

const PortableKernels& Best() {
  static const PortableKernels kernels = [] {
    const PortableTable* table = PortableTableOf(PortableIsa::kV4);
    if (table == nullptr) table = PortableTableOf(PortableIsa::kV3);
    if (table == nullptr) table = PortableTableOf(PortableIsa::kV2);
    return KernelsOf(*table);
  }();
  return kernels;
}

}  // namespace

const PortableTable* PortableTableOf(PortableIsa isa) {
  switch (isa) {
    case PortableIsa::kV2:
      return &kPortableTableV2;
    case PortableIsa::kV3:
      return base::DetectCpuFeatures().IsX86_64V3() ? &kPortableTableV3 : nullptr;
    case PortableIsa::kV4:
      return base::DetectCpuFeatures().IsX86_64V4() ? &kPortableTableV4 : nullptr;
  }
  return nullptr;
}

int PortableWeightIndex(tensor::DType type) {
  switch (type) {
    case tensor::DType::kF32:
      return 0;
    case tensor::DType::kF16:
      return 1;
    case tensor::DType::kQ4_1:
      return 2;
    case tensor::DType::kQ8_0:
      return 3;
    default:
      return -1;
  }
}

PortableKernels KernelsOf(const PortableTable& table) {
  PortableKernels kernels = {.embed = {RowGrid, table.embed},
                             .rms_norm = {RowGrid, table.rms_norm},
                             .linear = {},
                             .rope = {RowGrid, table.rope},
                             .kv_append = {RowGrid, table.kv_append},
                             .attention = {AttentionGrid, table.attention},
                             .add = {RowGrid, table.add},
                             .silu_mul = {RowGrid, table.silu_mul},
                             .gather_rows = {GatherGrid, table.gather_rows}};
  for (int i = 0; i < 4; ++i) kernels.linear[i] = {LinearGrid, table.linear[i]};
  return kernels;
}

TaskKernel EmbedKernel() {
  return Best().embed;
}
TaskKernel RmsNormKernel() {
  return Best().rms_norm;
}
TaskKernel LinearKernel(tensor::DType type) {
  const int index = PortableWeightIndex(type);
  VIVACE_CHECK(index >= 0);
  return Best().linear[index];
}
TaskKernel RopeKernel() {
  return Best().rope;
}
TaskKernel KvAppendKernel() {
  return Best().kv_append;
}
TaskKernel AttentionKernel() {
  return Best().attention;
}
TaskKernel AddKernel() {
  return Best().add;
}
TaskKernel SiluMulKernel() {
  return Best().silu_mul;
}
TaskKernel GatherRowsKernel() {
  return Best().gather_rows;
}

}  // namespace vivace::kernels
