// Portable kernels, compiled ahead of time: what -O0 runs. float32 activations, weights as they lie in the
// checkpoint. Each is compiled for several instruction sets and picked by CPUID at start; on one machine a
// result does not depend on the batch, the tasks or the threads: every output element is reduced over k in
// one fixed order. All activation buffers are row-major float32, one row per token of the step, row stride =
// width, 64-byte aligned.
#pragma once

#include <cstddef>

#include "kernels/task.h"
#include "tensor/dtype.h"
#include "tensor/kv_layout.h"

namespace vivace::kernels {

/// out[r] = dequantised row token_ids[r] of weight [vocabulary, hidden].
struct EmbedArgs {
  const std::byte* weight;
  tensor::DType type;
  int hidden;
  float* out;
};

/// out[r] = x[r] / sqrt(mean(x[r]^2) + eps) * (weight + offset), each of `groups` stretches of a row by
/// itself: 1 for a row, the number of heads for norms of heads.
struct RmsNormArgs {
  const float* x;
  const float* weight;  // [width]
  float* out;
  int width;  // of a group
  float eps;
  float offset = 0;
  int groups = 1;
};

/// out[r, n] = sum_k x[r, k] * w[n, k]; w is [n, k] in blocks of `type` along k.
struct LinearArgs {
  const float* x;
  const std::byte* weight;
  tensor::DType type;
  int k, n;
  float* out;
  bool logit_rows_only;  // x and out have step.logit_count rows instead of step.rows
};

/// Rotates pairs of each head in place, by the table's angle of the position and the pair: interleaved pairs
/// (2i, 2i+1), or (i, i + head_dim/2) when `half`.
struct RopeArgs {
  float* x;
  const float* table;  // [positions][head_dim]: head_dim/2 cosines, then head_dim/2 sines
  int heads, head_dim;
  bool half = false;
};

/// Writes K and V rows to the cache at step.kv_slots.
struct KvAppendArgs {
  const float* k;
  const float* v;
  tensor::KvLayout layout;
  std::byte* layer;  // base of this layer in the pool
};

/// Causal attention over the paged cache, in chunks of KvLayout::kChunkTokens merged in order. out [rows,
/// heads * head_dim]. head_dim is a multiple of 8.
struct AttentionArgs {
  const float* q;
  float* out;
  tensor::KvLayout layout;
  const std::byte* layer;
  int heads;
  float scale;
  int window = 0;     // positions that a row sees, its own included; 0: all up to its own
  float softcap = 0;  // scores s become softcap * tanh(s / softcap); 0: as they are
};

/// out = a + b, width floats a row.
struct AddArgs {
  const float* a;
  const float* b;
  float* out;
  int width;
};

/// out = x + bias per column.
struct AddBiasArgs {
  const float* x;
  const float* bias;  // [width]
  float* out;
  int width;
};

/// out = x * scale.
struct ScaleArgs {
  const float* x;
  float* out;
  int width;
  float scale;
};

/// out = softcap * tanh(x / softcap).
struct SoftcapArgs {
  const float* x;
  float* out;
  int width;
  float softcap;
  bool logit_rows_only;  // as in LinearArgs
};

/// out = silu(gate) * up, or gelu(gate) * up with gelu by its tanh approximation (GeluMulKernel).
struct SiluMulArgs {
  const float* gate;
  const float* up;
  float* out;
  int width;
};

/// out = the quantised rows (tensor/quantized_rows.h) of x, or with a weight of x * weight; then also
/// squares: per row SquareStride(width) floats, entry u the sum of x^2 over columns 32u .. 32u+31. For -O2
/// only.
struct QuantizeArgs {
  const float* x;
  const float* weight;  // [width], or null
  float* squares;       // null without a weight
  std::byte* out;
  int width;  // a multiple of 32
};

/// out[i] = x[step.logit_rows[i]].
struct GatherRowsArgs {
  const float* x;
  float* out;
  int width;
};

/// Any type of weights (VIVACE_WEIGHT_DTYPES); another is a bug of the caller.
TaskKernel EmbedKernel(tensor::DType type);
TaskKernel LinearKernel(tensor::DType type);
TaskKernel RmsNormKernel();
TaskKernel RopeKernel();
TaskKernel KvAppendKernel();
/// Tiles of step.attention_tiles may have any number of rows; kPortableAttentionRows are computed at once.
TaskKernel AttentionKernel();
inline constexpr int kPortableAttentionRows = 4;
TaskKernel AddKernel();
TaskKernel AddBiasKernel();
TaskKernel ScaleKernel();
TaskKernel SoftcapKernel();
TaskKernel SiluMulKernel();
TaskKernel QuantizeKernel();
TaskKernel GeluMulKernel();
TaskKernel GatherRowsKernel();

}  // namespace vivace::kernels
