// Compiles the paged attention kernels and drives them: one task fills the argument array of one kernel call.
// Thread-safe.
#include "kernels/paged_attention.h"

#include <string>

#include "base/status_macros.h"
#include "kernels/attention_builder.h"

namespace vivace::kernels {
namespace {

std::int64_t Address(const void* p) {
  return reinterpret_cast<std::int64_t>(p);
}

int Grid(const void* arguments, const tensor::StepView& step) {
  return step.attention_tile_count * static_cast<const PagedAttentionArgs*>(arguments)->spec.kv.kv_heads;
}

/// Task = tile * kv_heads + kv_head.
void Run(const void* arguments, int task, const TaskContext& context) {
  const auto& args = *static_cast<const PagedAttentionArgs*>(arguments);
  const tensor::KvLayout& kv = args.spec.kv;
  const tensor::AttentionTile& tile = context.step.attention_tiles[task / kv.kv_heads];
  const tensor::SequenceView& sequence = context.step.sequences[tile.sequence];
  const int kv_head = task % kv.kv_heads;
  const int visible = sequence.first_position + tile.first_row - sequence.first_row + 1;
  const int positions = visible + tile.rows - 1;  // that the last row sees
  const int width = args.spec.heads * kv.head_dim;
  const int column = args.spec.heads / kv.kv_heads * kv_head * kv.head_dim;
  const tensor::QuantizedRows output = {width};
  const int row_bytes = args.spec.f32_output ? 4 * width : output.row_stride();
  std::byte* row = args.output + static_cast<std::size_t>(tile.first_row) * row_bytes;
  std::int64_t kernel_arguments[kAttentionArguments];
  kernel_arguments[kAttentionQuery] =
      Address(args.q + static_cast<std::size_t>(tile.first_row) * width + column);
  kernel_arguments[kAttentionCache] = Address(args.kv_layer + kv_head * kv.head_bytes());
  kernel_arguments[kAttentionTable] = Address(sequence.blocks);
  kernel_arguments[kAttentionVisible] = visible;
  kernel_arguments[kAttentionChunks] = (positions + kv.kChunkTokens - 1) / kv.kChunkTokens;
  kernel_arguments[kAttentionBlocks] = (positions + kv.kBlockTokens - 1) / kv.kBlockTokens;
  kernel_arguments[kAttentionBytes] = Address(row + (args.spec.f32_output ? 4 * column : column));
  kernel_arguments[kAttentionParameters] = Address(row + output.scale_offset() + column / output.kGroup * 4);
  kernel_arguments[kAttentionScratch] = Address(context.scratch);
  args.code.tile[tile.rows - 1](kernel_arguments);
}

}  // namespace

Status CheckPagedAttention(const PagedAttentionSpec& spec) {
  const tensor::KvLayout& kv = spec.kv;
  if (kv.head_dim <= 0 || kv.head_dim % tensor::QuantizedRows::kGroup != 0) {
    return Unsupported("attention with head_dim " + std::to_string(kv.head_dim) +
                       " needs a multiple of 32 at -O2; use -O0");
  }
  if (kv.kv_heads <= 0 || spec.heads <= 0 || spec.heads % kv.kv_heads != 0) {
    return Unsupported("attention with " + std::to_string(spec.heads) + " heads over " +
                       std::to_string(kv.kv_heads) + " KV heads: the first must be a multiple of the second");
  }
  if (kv.type != tensor::DType::kF16 && kv.type != tensor::DType::kF32) {
    return Unsupported("attention over a KV cache of type " + std::string(Row(kv.type).name) +
                       "; use float16 or float32");
  }
  const int scratch = AttentionScratchBytes(spec, kAttentionTileRows);
  if (static_cast<std::size_t>(scratch) > kScratchBytes) {
    return Unsupported("attention with " + std::to_string(spec.heads / kv.kv_heads) +
                       " heads per KV head at -O2; use -O0");
  }
  return Status::Ok();
}

Result<PagedAttentionKernels> CompilePagedAttention(const PagedAttentionSpec& spec,
                                                    codegen::KernelLibrary& library) {
  VIVACE_RETURN_IF_ERROR(CheckPagedAttention(spec));
  PagedAttentionKernels kernels;
  for (int rows = 1; rows <= kAttentionTileRows; ++rows) {
    VIVACE_ASSIGN_OR_RETURN(kernels.tile[rows - 1], library.Compile(BuildAttentionTile(spec, rows)));
  }
  return kernels;
}

PagedAttentionCode Resolve(const PagedAttentionKernels& kernels, const codegen::KernelLibrary& library) {
  PagedAttentionCode code;
  for (int i = 0; i < kAttentionTileRows; ++i) code.tile[i] = library.Get(kernels.tile[i]);
  return code;
}

TaskKernel PagedAttentionKernel() {
  return {Grid, Run};
}

}  // namespace vivace::kernels
