// The kernels after the chunks: partials into the running one, and the running one into output rows (see
// attention_builder.h).
#include <string>

#include "kernels/attention_builder.h"
#include "kernels/math_builders.h"
#include "kernels/quantize_builders.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Mem;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using tensor::ActivationType;
using tensor::QuantizedRows;

namespace {

constexpr int kLanes = 16;
constexpr int kVectorBytes = 64;

std::string ShapeName(const PagedAttentionSpec& spec) {
  return std::to_string(spec.heads / spec.kv.kv_heads) + "x" + std::to_string(spec.kv.head_dim);
}

/// One partial into the running one: both relative to the larger maximum.
void MergePartial(Builder& b, const ExpConstants& k, Scalar running, Scalar partial, int dim) {
  const Mem maximum = {running, dim * 4}, sum = {running, dim * 4 + kVectorBytes};
  const Vec old_difference = b.Load(maximum), new_difference = b.Load({partial, dim * 4});
  const Vec top = b.Max(old_difference, new_difference);
  b.Store(maximum, top);
  b.BinaryTo(Op::kSub, old_difference, old_difference, top);
  b.BinaryTo(Op::kSub, new_difference, new_difference, top);
  const Vec old_factor = Exp(b, k, old_difference);
  const Vec new_factor = Exp(b, k, new_difference);
  const Vec merged_sum = b.Mul(b.Load({partial, dim * 4 + kVectorBytes}), new_factor);
  b.Fma(merged_sum, b.Load(sum), old_factor);
  b.Store(sum, merged_sum);
  for (int d = 0; d < dim; d += kLanes) {
    const Vec merged = b.Mul(b.Load({partial, d * 4}), new_factor);
    b.Fma(merged, b.Load({running, d * 4}), old_factor);
    b.Store({running, d * 4}, merged);
  }
}

/// What tells the finish kernels of one shape apart: the type of rows, and where its parameters lie.
std::string RowsName(const PagedAttentionSpec& spec) {
  if (!spec.rows) return "_f32";
  return "_" + std::string(tensor::Row(*spec.rows).name) + "_h" + std::to_string(spec.heads);
}

/// The f32 columns at `values` into the output row, with the operations of the epilogues' Activations step.
/// Behind the columns there is a vector of scratch.
void QuantizeColumns(Builder& b, const QuantizedRows& output, Scalar values, int columns) {
  const Scalar bytes = b.Arg(kFinishBytes), parameters = b.Arg(kFinishParameters), value = b.Copy(values);
  const QuantizeTarget target = MakeQuantizeTarget(output, {bytes}, {parameters}, {values, columns * 4});
  const bool wide = output.type == ActivationType::kI16Group32;
  const QuantizeI16Constants k16 = wide ? MakeQuantizeI16Constants(b) : QuantizeI16Constants{};
  const QuantizeConstants k = wide ? k16.base : MakeQuantizeConstants(b);
  b.Loop(columns / output.group());
  if (wide) {
    QuantizeGroupI16(b, k16, b.Load({value}), b.Load({value, kVectorBytes}), target);
  } else if (output.type == ActivationType::kU8Group64) {
    QuantizeGroup64(b, k, {value}, target);
  } else {
    QuantizeGroup(b, k, b.Load({value}), b.Load({value, kVectorBytes}), target);
  }
  b.Bump(value, output.group() * 4);
  b.Bump(bytes, output.group());
  b.Bump(parameters, 4);
  b.End();
}

}  // namespace

codegen::Function BuildAttentionMerge(const PagedAttentionSpec& spec) {
  Builder b("attention_merge_" + std::to_string(spec.kv.head_dim));
  const ExpConstants k = MakeExpConstants(b);
  const Scalar running = b.Arg(kMergeRunning), partials = b.Arg(kMergePartials);
  b.Loop(b.Arg(kMergeQueries));
  const Scalar partial = b.Copy(partials);
  b.Loop(b.Arg(kMergeChunks));
  MergePartial(b, k, running, partial, spec.kv.head_dim);
  b.BumpBy(partial, b.Arg(kMergeStride));
  b.End();
  b.Bump(running, AttentionQueryBytes(spec));
  b.Bump(partials, AttentionQueryBytes(spec));
  b.End();
  return b.Take();
}

codegen::Function BuildAttentionFinish(const PagedAttentionSpec& spec) {
  Builder b("attention_finish_" + ShapeName(spec) + RowsName(spec));
  const int group = spec.heads / spec.kv.kv_heads, dim = spec.kv.head_dim;
  const bool quantized = spec.rows && !QuantizedRows{0, *spec.rows}.is_float();
  const bool bf16 = spec.rows == ActivationType::kBF16;
  const Scalar running = b.Arg(kFinishRunning), scratch = b.Arg(kFinishScratch);
  const Scalar target = quantized ? b.Copy(scratch) : b.Arg(kFinishBytes);
  const Vec one = b.Const(1.0f);
  b.Loop(group);
  const Vec inverse = b.Div(one, b.Load({running, dim * 4 + kVectorBytes}));
  b.Loop(dim / kLanes);
  const Vec value = b.Mul(b.Load({running}), inverse);
  if (bf16) {
    b.StoreBf16({target}, value);
  } else {
    b.Store({target}, value);
  }
  b.Bump(running, kVectorBytes);
  b.Bump(target, bf16 ? kVectorBytes / 2 : kVectorBytes);
  b.End();
  b.Bump(running, AttentionQueryBytes(spec) - dim * 4);
  b.End();
  if (quantized) QuantizeColumns(b, {spec.heads * dim, *spec.rows}, scratch, group * dim);
  return b.Take();
}

int AttentionFinishScratchBytes(const PagedAttentionSpec& spec) {
  return spec.heads / spec.kv.kv_heads * spec.kv.head_dim * 4 + kVectorBytes;
}

}  // namespace vivace::kernels
