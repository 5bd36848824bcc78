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

int SoftcapGrid(const void* arguments, const tensor::StepView& step) {
  const auto& args = *static_cast<const SoftcapArgs*>(arguments);
  return TasksOf(args.logit_rows_only ? step.logit_count : step.rows, kPortableTaskRows);
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

std::size_t WeightIndex(tensor::DType type) {
  const auto index = static_cast<std::size_t>(type);
  VIVACE_CHECK(index < tensor::kWeightTypes);
  return index;
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

PortableKernels KernelsOf(const PortableTable& table) {
  PortableKernels kernels = {.embed = {},
                             .linear = {},
                             .rms_norm = {RowGrid, table.rms_norm},
                             .rope = {RowGrid, table.rope},
                             .kv_append = {RowGrid, table.kv_append},
                             .attention = {AttentionGrid, table.attention},
                             .add = {RowGrid, table.add},
                             .add_bias = {RowGrid, table.add_bias},
                             .scale = {RowGrid, table.scale},
                             .softcap = {SoftcapGrid, table.softcap},
                             .silu_mul = {RowGrid, table.silu_mul},
                             .quantize = {RowGrid, table.quantize},
                             .gelu_mul = {RowGrid, table.gelu_mul},
                             .gather_rows = {GatherGrid, table.gather_rows}};
  for (int i = 0; i < tensor::kWeightTypes; ++i) {
    kernels.embed[i] = {RowGrid, table.embed[i]};
    kernels.linear[i] = {LinearGrid, table.linear[i]};
  }
  return kernels;
}

TaskKernel EmbedKernel(tensor::DType type) {
  return Best().embed[WeightIndex(type)];
}
TaskKernel RmsNormKernel() {
  return Best().rms_norm;
}
TaskKernel LinearKernel(tensor::DType type) {
  return Best().linear[WeightIndex(type)];
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
TaskKernel AddBiasKernel() {
  return Best().add_bias;
}
TaskKernel ScaleKernel() {
  return Best().scale;
}
TaskKernel SoftcapKernel() {
  return Best().softcap;
}
TaskKernel GeluMulKernel() {
  return Best().gelu_mul;
}
TaskKernel SiluMulKernel() {
  return Best().silu_mul;
}
TaskKernel QuantizeKernel() {
  return Best().quantize;
}
TaskKernel GatherRowsKernel() {
  return Best().gather_rows;
}

}  // namespace vivace::kernels
