// The kernel of paged attention as vector IR: what one task runs, from queries to quantised output rows.
#pragma once

#include "codegen/vir.h"
#include "kernels/paged_attention.h"

namespace vivace::kernels {

/// Arguments of the kernel, in order.
enum AttentionArgument : int {
  kAttentionQuery,       // f32 queries of the tile's first row, at the first head that reads this KV head
  kAttentionCache,       // block 0 of the layer's cache, at this KV head
  kAttentionTable,       // page table of the sequence
  kAttentionVisible,     // positions that the first row sees: its own position + 1
  kAttentionChunks,      // chunks of KvLayout::kChunkTokens that the last row sees
  kAttentionBlocks,      // blocks that the last row sees
  kAttentionBytes,       // u8 (or f32) of the first output row, at the first head
  kAttentionParameters,  // scales of the same
  kAttentionScratch,     // this worker's scratch
  kAttentionArguments,   // how many there are
};

/// The kernel for tiles of `rows` token rows.
codegen::Function BuildAttentionTile(const PagedAttentionSpec& spec, int rows);
/// Bytes of scratch that it uses.
int AttentionScratchBytes(const PagedAttentionSpec& spec, int rows);

}  // namespace vivace::kernels
