// The attention phase of -O2: causal attention over the paged cache, one task per (tile of rows of one
// sequence, KV head), then 8-bit quantisation of the output rows where the next phase wants it. Reduces over
// chunks of KvLayout::kChunkTokens absolute positions merged in order, so the bits do not depend on the tile,
// the batch or how the prompt was chunked.
#pragma once

#include <cstddef>

#include "codegen/kernel_library.h"
#include "kernels/task.h"
#include "tensor/kv_layout.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

struct PagedAttentionSpec {
  int heads;
  tensor::KvLayout kv;      // kv_heads, head_dim, type, and the strides (blocks and layers known)
  float scale;              // usually 1 / sqrt(head_dim)
  bool f32_output = false;  // rows of floats instead of 8-bit ones
};

/// Token rows of a tile at most; the runtime fills step.attention_tiles for it.
inline constexpr int kAttentionTileRows = 2;
struct PagedAttentionKernels {
  codegen::KernelId tile[kAttentionTileRows];  // [rows - 1]
};
struct PagedAttentionCode {
  codegen::KernelFn tile[kAttentionTileRows];
};
/// kUnsupported says what of the specification the kernels do not take.
Status CheckPagedAttention(const PagedAttentionSpec& spec);
Result<PagedAttentionKernels> CompilePagedAttention(const PagedAttentionSpec& spec,
                                                    codegen::KernelLibrary& library);
PagedAttentionCode Resolve(const PagedAttentionKernels& kernels, const codegen::KernelLibrary& library);

struct PagedAttentionArgs {
  PagedAttentionSpec spec;
  PagedAttentionCode code;
  const float* q;  // [rows][heads * head_dim]
  const std::byte* kv_layer;
  std::byte* output;  // QuantizedRows{heads * head_dim}, or f32 [rows][heads * head_dim]
};
TaskKernel PagedAttentionKernel();

}  // namespace vivace::kernels
