// The kernels of paged attention as vector IR. One chunk of KvLayout::kChunkTokens positions gives, for each
// query of a tile, a partial: its maximum score, its sum of exponentials and its weighted sum of V. Partials
// are merged in the order of their chunks into a running one by the merge kernel, whether they were made a
// moment ago by the same task or by others; the finish kernel makes output rows of it.
//
// A tile is `rows` token rows x group query heads of one KV head: query r is token r / group, head r % group.
// A partial, and the running one, is per query: f32 values[head_dim] | 16 x maximum | 16 x sum.
#pragma once

#include "codegen/target.h"
#include "codegen/vir.h"
#include "kernels/paged_attention.h"

namespace vivace::kernels {

/// Arguments of the chunk kernel, in order. Positions count from the first slot of the first block read.
enum AttentionChunkArgument : int {
  kChunkQuery,       // f32 queries of the tile's first row, at the first head that reads this KV head
  kChunkCache,       // block 0 of the layer's cache, at this KV head
  kChunkTable,       // page table entry of the first block read
  kChunkBlocks,      // blocks read, >= 1
  kChunkEnd,         // the first row sees positions below this; row r sees r more
  kChunkBegin,       // and from this one on, row r from r later (used by kernels with a window)
  kChunkPositions,   // positions of the chunk from the first block's on: what clamps the two
  kChunkAhead,       // prefetch: page table entry of the block that is read after this chunk
  kChunkAheadLast,   // the last entry that it may read
  kChunkAheadCache,  // and block 0 of the layer's cache at the KV head that is read then
  kChunkPartial,     // where the partials go
  kChunkScratch,     // this worker's scratch, AttentionChunkScratchBytes
  kChunkArguments,   // how many there are
};

/// Arguments of the merge kernel: for each of `queries`, partials of `chunks` chunks, `stride` bytes apart.
enum AttentionMergeArgument : int {
  kMergeRunning,
  kMergePartials,
  kMergeQueries,
  kMergeChunks,
  kMergeStride,
  kMergeArguments,
};

/// Arguments of the finish kernel: one token row.
enum AttentionFinishArgument : int {
  kFinishRunning,     // its first query
  kFinishBytes,       // elements of the output row, at the first head
  kFinishParameters,  // scales of the same, where it has any
  kFinishScratch,     // AttentionFinishScratchBytes
  kFinishArguments,
};

/// The kernel for tiles of `rows` token rows. Decode (one row) asks for the next chunk into L2 meanwhile.
codegen::Function BuildAttentionChunk(const PagedAttentionSpec& spec, int rows,
                                      const codegen::Target& target);
codegen::Function BuildAttentionMerge(const PagedAttentionSpec& spec);
codegen::Function BuildAttentionFinish(const PagedAttentionSpec& spec);

constexpr int AttentionQueryBytes(const PagedAttentionSpec& spec) {
  return spec.kv.head_dim * 4 + 128;
}
int AttentionChunkScratchBytes(const PagedAttentionSpec& spec, int rows);
int AttentionFinishScratchBytes(const PagedAttentionSpec& spec);

/// A score that no position has: what masked ones become, and the maximum of nothing.
inline constexpr float kAttentionMasked = -3.0e38f;

}  // namespace vivace::kernels
