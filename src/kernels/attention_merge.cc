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
  Builder b("attention_finish_" + ShapeName(spec) +
            (spec.f32_output ? "_f32" : "_h" + std::to_string(spec.heads)));
  const int group = spec.heads / spec.kv.kv_heads, dim = spec.kv.head_dim;
  const Scalar running = b.Arg(kFinishRunning), scratch = b.Arg(kFinishScratch);
  const Scalar target = spec.f32_output ? b.Arg(kFinishBytes) : b.Copy(scratch);
  const Vec one = b.Const(1.0f);
  b.Loop(group);
  const Vec inverse = b.Div(one, b.Load({running, dim * 4 + kVectorBytes}));
  b.Loop(dim / kLanes);
  b.Store({target}, b.Mul(b.Load({running}), inverse));
  b.Bump(running, kVectorBytes);
  b.Bump(target, kVectorBytes);
  b.End();
  b.Bump(running, AttentionQueryBytes(spec) - dim * 4);
  b.End();
  if (spec.f32_output) return b.Take();
  const QuantizedRows output = {spec.heads * dim};
  const QuantizeConstants k = MakeQuantizeConstants(b);
  const Scalar bytes = b.Arg(kFinishBytes), parameters = b.Arg(kFinishParameters), values = b.Copy(scratch);
  b.Loop(group * dim / QuantizedRows::kGroup);
  QuantizeGroup(b, k, b.Load({values}), b.Load({values, kVectorBytes}),
                {.bytes = {bytes},
                 .parameters = {parameters},
                 .word_distance = output.word_offset() - output.scale_offset(),
                 .sum_distance = output.sum_offset() - output.scale_offset(),
                 .scratch = {scratch, group * dim * 4}});
  b.Bump(values, 2 * kVectorBytes);
  b.Bump(bytes, QuantizedRows::kGroup);
  b.Bump(parameters, 4);
  b.End();
  return b.Take();
}

int AttentionFinishScratchBytes(const PagedAttentionSpec& spec) {
  return spec.heads / spec.kv.kv_heads * spec.kv.head_dim * 4 + kVectorBytes;
}

}  // namespace vivace::kernels
