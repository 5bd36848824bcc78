// The attention phase of -O2: causal attention over the paged cache, one task per (tile of rows of one
// sequence, KV head) or, for few tiles, per range of chunks of it; its results go out as floats or as the
// rows that the next phase wants, with the bits that quantising the floats would give. Reduces over chunks of
// KvLayout::kChunkTokens absolute positions merged in order, so the bits do not depend on the tile, the
// batch, how the prompt was chunked, or how the chunks were split over tasks.
#pragma once

#include <cstddef>
#include <optional>

#include "codegen/kernel_library.h"
#include "kernels/task.h"
#include "tensor/kv_layout.h"
#include "tensor/quantized_rows.h"

namespace vivace::kernels {

struct PagedAttentionSpec {
  int heads;
  tensor::KvLayout kv;  // kv_heads, head_dim, type, and the strides (blocks and layers known)
  float scale;          // usually 1 / sqrt(head_dim)
  /// Rows of the result, as QuantizedRows{heads * head_dim, *rows}: any type but kU8Token. Quantised types
  /// need whole groups among the columns of one KV head. None: f32 [rows][heads * head_dim].
  std::optional<tensor::ActivationType> rows = std::nullopt;
  int window = 0;     // a row sees its own position and the window - 1 before; 0: all of them
  float softcap = 0;  // scores become softcap * tanh(score / softcap); 0: they stay
};

/// Token rows of a tile that one kernel call takes at most: the best for step.attention_tiles. Tiles of any
/// other size are computed in parts.
int AttentionTileRows(const PagedAttentionSpec& spec);

/// Kernels by token rows: AttentionTileRows, half of it and so on down to 1; that one fills the rest.
inline constexpr int kAttentionRowSizes = 4;
struct PagedAttentionKernels {
  codegen::KernelId chunk[kAttentionRowSizes];
  codegen::KernelId merge, finish;
};
struct PagedAttentionCode {
  codegen::KernelFn chunk[kAttentionRowSizes];
  codegen::KernelFn merge, finish;
};
/// Token rows of kernel `size`; 0 when there is none.
int AttentionKernelRows(const PagedAttentionSpec& spec, int size);

/// kUnsupported says what of the specification the kernels do not take.
Status CheckPagedAttention(const PagedAttentionSpec& spec);
Result<PagedAttentionKernels> CompilePagedAttention(const PagedAttentionSpec& spec,
                                                    codegen::KernelLibrary& library);
PagedAttentionCode Resolve(const PagedAttentionKernels& kernels, const codegen::KernelLibrary& library);

/// Memory in which the tasks of a split sequence leave the partials of their chunks; the last of them merges.
/// All attention phases of an executor share it. Zeroed once by its owner, 64-byte aligned; every phase
/// leaves the counters in it at zero. Without memory nothing is split.
struct AttentionSplits {
  std::byte* memory = nullptr;
  std::size_t bytes = 0;
  int threads = 1;
};
/// What AttentionSplits of so many threads can use for sequences of up to max_positions.
std::size_t AttentionSplitBytes(const PagedAttentionSpec& spec, int threads, int max_positions);

struct PagedAttentionArgs {
  PagedAttentionSpec spec;
  PagedAttentionCode code;
  const float* q;  // [rows][heads * head_dim]
  const std::byte* kv_layer;
  std::byte* output;  // as PagedAttentionSpec::rows says
  AttentionSplits splits = {};
};
TaskKernel PagedAttentionKernel();

}  // namespace vivace::kernels
