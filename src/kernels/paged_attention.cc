// Compiles the paged attention kernels and drives them: a task walks the chunks of its tile, or of its share
// of them. Thread-safe: tasks of one split tile meet only at its counter.
#include "kernels/paged_attention.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "base/status_macros.h"
#include "kernels/attention_builder.h"
#include "kernels/attention_elements.h"

namespace vivace::kernels {
namespace {

using tensor::KvLayout;

constexpr int kTileQueries = 12;    // of a tile, unless one token row has more
constexpr int kTasksPerThread = 8;  // that a phase should have, by splitting
constexpr int kChunksPerTask = 2;   // of a split tile, at least
constexpr int kCounterBytes = 64;   // each counter has its own cache line
constexpr std::size_t kMostSplitBytes = std::size_t{64} << 20;

std::int64_t Address(const void* p) {
  return reinterpret_cast<std::int64_t>(p);
}

int Group(const PagedAttentionSpec& spec) {
  return spec.heads / spec.kv.kv_heads;
}

/// Tiles times KV heads that may be split: more than these make enough tasks on their own.
int MostSplitHeads(int threads) {
  return kTasksPerThread * threads / 2;
}

/// Into how many tasks this step's tiles are split, each.
int SplitsOf(const PagedAttentionArgs& args, const tensor::StepView& step) {
  const int heads = step.attention_tile_count * args.spec.kv.kv_heads;
  if (args.splits.memory == nullptr || heads == 0) return 1;
  return std::max(1, kTasksPerThread * args.splits.threads / heads);
}

int Grid(const void* arguments, const tensor::StepView& step) {
  const auto& args = *static_cast<const PagedAttentionArgs*>(arguments);
  return step.attention_tile_count * args.spec.kv.kv_heads * SplitsOf(args, step);
}

struct ChunkRange {
  int first, end;
};

/// One KV head of a tile, or of a part of its rows.
struct HeadTile {
  const PagedAttentionArgs& args;
  const tensor::SequenceView& sequence;
  int first_row, rows, kv_head;
  std::byte* scratch;
  const tensor::SequenceView* next;  // read after this sequence's last KV head: for prefetching; may be null

  int position() const { return sequence.first_position + first_row - sequence.first_row; }
  /// The first position that token row `row` sees.
  int begin(int row) const {
    return args.spec.window > 0 ? std::max(0, position() + row + 1 - args.spec.window) : 0;
  }
  int queries() const { return rows * Group(args.spec); }
  std::size_t bytes() const { return static_cast<std::size_t>(queries()) * AttentionQueryBytes(args.spec); }
  ChunkRange chunks() const {
    return {begin(0) / KvLayout::kChunkTokens, (position() + rows - 1) / KvLayout::kChunkTokens + 1};
  }
  /// Columns of the row that belong to this KV head.
  int column() const { return Group(args.spec) * kv_head * args.spec.kv.head_dim; }
};

/// What is likely read after chunk `chunk`: the chunk after it, the next KV head's first, the next
/// sequence's first.
void SetAhead(const HeadTile& tile, int chunk, int last_block, std::int64_t* arguments) {
  constexpr int kBlocks = KvLayout::kChunkTokens / KvLayout::kBlockTokens;
  const std::int32_t* blocks = tile.sequence.blocks;
  int first = (chunk + 1) * kBlocks, kv_head = tile.kv_head;
  if (first > last_block) {
    first = tile.chunks().first * kBlocks;
    if (kv_head + 1 < tile.args.spec.kv.kv_heads) {
      ++kv_head;
    } else if (tile.next != nullptr) {
      kv_head = 0, first = 0, blocks = tile.next->blocks;
      last_block = (tile.next->first_position + tile.next->rows - 1) / KvLayout::kBlockTokens;
    }
  }
  arguments[kChunkAhead] = Address(blocks + first);
  arguments[kChunkAheadLast] = Address(blocks + last_block);
  arguments[kChunkAheadCache] = Address(tile.args.kv_layer + kv_head * tile.args.spec.kv.head_bytes());
}

/// Leaves the partials of chunk `chunk` at `partial`. size: the kernel's number.
void RunChunk(const HeadTile& tile, int size, int chunk, std::byte* partial) {
  const PagedAttentionArgs& args = tile.args;
  const int start = chunk * KvLayout::kChunkTokens, end = start + KvLayout::kChunkTokens;
  const int first = std::max(start, tile.begin(0)) & ~(KvLayout::kBlockTokens - 1);
  const int visible = tile.position() + tile.rows;  // positions that the last row sees
  const int last_block = (visible - 1) / KvLayout::kBlockTokens;
  const int blocks =
      std::min(end - first, visible - first + KvLayout::kBlockTokens - 1) / KvLayout::kBlockTokens;
  const int width = args.spec.heads * args.spec.kv.head_dim;
  const float* query = args.q + static_cast<std::size_t>(tile.first_row) * width + tile.column();
  std::int64_t arguments[kChunkArguments];
  arguments[kChunkQuery] = Address(query);
  arguments[kChunkCache] = Address(args.kv_layer + tile.kv_head * args.spec.kv.head_bytes());
  arguments[kChunkTable] = Address(tile.sequence.blocks + first / KvLayout::kBlockTokens);
  arguments[kChunkBlocks] = blocks;
  arguments[kChunkEnd] = tile.position() + 1 - first;
  arguments[kChunkBegin] = tile.position() + 1 - args.spec.window - first;
  arguments[kChunkPositions] = end - first;
  SetAhead(tile, chunk, last_block, arguments);
  arguments[kChunkPartial] = Address(partial);
  arguments[kChunkScratch] = Address(tile.scratch);
  args.code.chunk[size](arguments);
}

/// Scratch of a task: the chunk kernel's, then a partial, then the running one.
std::size_t PartialOffset(const PagedAttentionSpec& spec) {
  const int chunk = AttentionChunkScratchBytes(spec, AttentionTileRows(spec));
  return static_cast<std::size_t>(std::max(chunk, AttentionFinishScratchBytes(spec)));
}
std::size_t ScratchBytes(const PagedAttentionSpec& spec) {
  const int queries = AttentionTileRows(spec) * Group(spec);
  return PartialOffset(spec) + 2 * static_cast<std::size_t>(queries) * AttentionQueryBytes(spec);
}

/// The running partial of nothing.
void Clear(const HeadTile& tile, std::byte* running) {
  const int dim = tile.args.spec.kv.head_dim;
  auto* values = reinterpret_cast<float*>(running);
  for (int q = 0; q < tile.queries(); ++q, values += AttentionQueryBytes(tile.args.spec) / 4) {
    std::fill_n(values, dim, 0.0f);
    std::fill_n(values + dim, 16, kAttentionMasked);
    std::fill_n(values + dim + 16, 16, 0.0f);
  }
}

void Merge(const HeadTile& tile, std::byte* running, const std::byte* partials, int chunks,
           std::size_t stride) {
  std::int64_t arguments[kMergeArguments];
  arguments[kMergeRunning] = Address(running);
  arguments[kMergePartials] = Address(partials);
  arguments[kMergeQueries] = tile.queries();
  arguments[kMergeChunks] = chunks;
  arguments[kMergeStride] = static_cast<std::int64_t>(stride);
  tile.args.code.merge(arguments);
}

/// Writes the output rows.
void Finish(const HeadTile& tile, const std::byte* running) {
  const PagedAttentionSpec& spec = tile.args.spec;
  // Without rows: float rows, but for the distance from one to the next.
  const tensor::QuantizedRows output = {spec.heads * spec.kv.head_dim,
                                        spec.rows.value_or(tensor::ActivationType::kF32)};
  const int column = tile.column(), row_bytes = spec.rows ? output.row_stride() : 4 * output.k;
  const int parameters = output.is_float() ? 0 : output.scale_offset() + column / output.group() * 4;
  const std::size_t running_bytes = static_cast<std::size_t>(Group(spec)) * AttentionQueryBytes(spec);
  for (int r = 0; r < tile.rows; ++r) {
    const std::byte* row = tile.args.output + static_cast<std::size_t>(tile.first_row + r) * row_bytes;
    std::int64_t arguments[kFinishArguments];
    arguments[kFinishRunning] = Address(running + r * running_bytes);
    arguments[kFinishBytes] = Address(row + column * Row(output.type).element_bytes);
    arguments[kFinishParameters] = Address(row + parameters);
    arguments[kFinishScratch] = Address(tile.scratch);
    tile.args.code.finish(arguments);
  }
}

/// Calls body(part, size) for the parts of the tile's rows that one kernel takes each.
template <class Body>
void ForParts(const HeadTile& tile, Body&& body) {
  // Rows whose windows have no position in common are computed alone.
  const int window = tile.args.spec.window;
  int row = 0;
  for (int size = 0; row < tile.rows; ++size) {
    const int rows = AttentionKernelRows(tile.args.spec, size);
    if (window > 0 && window < rows) continue;
    for (; row + rows <= tile.rows; row += rows) {
      body(HeadTile{tile.args, tile.sequence, tile.first_row + row, rows, tile.kv_head, tile.scratch,
                    tile.next},
           size);
    }
  }
}

void RunWhole(const HeadTile& tile) {
  std::byte* partial = tile.scratch + PartialOffset(tile.args.spec);
  ForParts(tile, [&](const HeadTile& part, int size) {
    std::byte* running = partial + part.bytes();
    Clear(part, running);
    const ChunkRange chunks = part.chunks();
    for (int chunk = chunks.first; chunk < chunks.end; ++chunk) {
      RunChunk(part, size, chunk, partial);
      Merge(part, running, partial, 1, 0);
    }
    Finish(part, running);
  });
}

/// One split tile's place in the shared memory.
struct SplitPlace {
  std::byte* partials;  // [chunks][tile.bytes()]
  std::byte* counter;
};

/// All partials are there: merges those of every part in order.
void FinishSplit(const HeadTile& tile, const SplitPlace& place, const ChunkRange& all) {
  std::byte* running = tile.scratch + PartialOffset(tile.args.spec);
  ForParts(tile, [&](const HeadTile& part, int) {
    const std::size_t offset = (part.first_row - tile.first_row) * (tile.bytes() / tile.rows);
    const ChunkRange chunks = part.chunks();
    Clear(part, running);
    Merge(part, running, place.partials + (chunks.first - all.first) * tile.bytes() + offset,
          chunks.end - chunks.first, tile.bytes());
    Finish(part, running);
  });
}

/// Task `share` of `shares` of a tile.
void RunShare(const HeadTile& tile, const SplitPlace& place, int share, int shares) {
  const ChunkRange all = tile.chunks();
  const int count = all.end - all.first;
  const int first = all.first + count * share / shares, end = all.first + count * (share + 1) / shares;
  ForParts(tile, [&](const HeadTile& part, int size) {
    const std::size_t offset = (part.first_row - tile.first_row) * (tile.bytes() / tile.rows);
    const ChunkRange chunks = part.chunks();
    for (int chunk = std::max(first, chunks.first); chunk < std::min(end, chunks.end); ++chunk) {
      RunChunk(part, size, chunk, place.partials + (chunk - all.first) * tile.bytes() + offset);
    }
  });
  std::atomic_ref<int> arrived(*reinterpret_cast<int*>(place.counter));
  if (arrived.fetch_add(1, std::memory_order_acq_rel) != shares - 1) return;
  arrived.store(0, std::memory_order_relaxed);  // the phase's barrier publishes it
  FinishSplit(tile, place, all);
}

/// Task = (tile * kv_heads + kv_head) * splits + share.
void Run(const void* arguments, int task, const TaskContext& context) {
  const auto& args = *static_cast<const PagedAttentionArgs*>(arguments);
  const int splits = SplitsOf(args, context.step), head = task / splits, share = task % splits;
  const int kv_heads = args.spec.kv.kv_heads;
  const tensor::AttentionTile& rows = context.step.attention_tiles[head / kv_heads];
  const bool last = rows.sequence + 1 == context.step.sequence_count;
  const tensor::SequenceView* next = last ? nullptr : &context.step.sequences[rows.sequence + 1];
  const HeadTile tile = {args,
                         context.step.sequences[rows.sequence],
                         rows.first_row,
                         rows.rows,
                         head % kv_heads,
                         context.scratch,
                         next};
  if (splits > 1) {
    const std::size_t counters =
        static_cast<std::size_t>(MostSplitHeads(args.splits.threads)) * kCounterBytes;
    const std::size_t room = (args.splits.bytes - counters) / (context.step.attention_tile_count * kv_heads) /
                             kCounterBytes * kCounterBytes;
    const ChunkRange chunks = tile.chunks();
    const int count = chunks.end - chunks.first, shares = std::min(splits, count / kChunksPerTask);
    if (shares > 1 && count * tile.bytes() <= room) {
      const SplitPlace place = {args.splits.memory + counters + head * room,
                                args.splits.memory + head * kCounterBytes};
      if (share < shares) RunShare(tile, place, share, shares);
      return;
    }
  }
  if (share == 0) RunWhole(tile);
}

Status CheckShape(const PagedAttentionSpec& spec) {
  const KvLayout& kv = spec.kv;
  if (kv.head_dim <= 0 || kv.head_dim % 16 != 0) {
    return Unsupported("attention with head_dim " + std::to_string(kv.head_dim) +
                       " needs a multiple of 16 at -O2; use -O0");
  }
  if (kv.kv_heads <= 0 || spec.heads <= 0 || spec.heads % kv.kv_heads != 0) {
    return Unsupported("attention with " + std::to_string(spec.heads) + " heads over " +
                       std::to_string(kv.kv_heads) + " KV heads: the first must be a multiple of the second");
  }
  return Status::Ok();
}

Status CheckRows(const PagedAttentionSpec& spec) {
  if (!spec.rows) return Status::Ok();
  const tensor::ActivationRow& row = Row(*spec.rows);
  if (*spec.rows == tensor::ActivationType::kU8Token) {
    return Unsupported("attention into rows of type " + std::string(row.name) +
                       ", which need a whole row at once; use rows of floats and quantise them");
  }
  if (row.group != 0 && Group(spec) * spec.kv.head_dim % row.group != 0) {
    return Unsupported("attention with " + std::to_string(Group(spec)) + " heads of " +
                       std::to_string(spec.kv.head_dim) + " per KV head has no whole groups of " +
                       std::to_string(row.group) + " to quantise; use rows of floats");
  }
  return Status::Ok();
}

}  // namespace

int AttentionTileRows(const PagedAttentionSpec& spec) {
  return std::max(1, kTileQueries / Group(spec));
}

int AttentionKernelRows(const PagedAttentionSpec& spec, int size) {
  return AttentionTileRows(spec) >> size;
}

Status CheckPagedAttention(const PagedAttentionSpec& spec) {
  VIVACE_RETURN_IF_ERROR(CheckShape(spec));
  VIVACE_RETURN_IF_ERROR(CheckRows(spec));
  if (!IsKvType(spec.kv.type)) {
    return Unsupported("attention over a KV cache of type " + std::string(Row(spec.kv.type).name) +
                       "; use float16, bfloat16, float32 or int8");
  }
  if (spec.window < 0 || !(spec.softcap >= 0)) {
    return Unsupported("attention with window " + std::to_string(spec.window) + " and soft-cap " +
                       std::to_string(spec.softcap) + ": neither may be negative");
  }
  if (Group(spec) > 16 || ScratchBytes(spec) > kScratchBytes) {
    return Unsupported("attention with " + std::to_string(Group(spec)) + " heads of " +
                       std::to_string(spec.kv.head_dim) + " per KV head at -O2; use -O0");
  }
  return Status::Ok();
}

Result<PagedAttentionKernels> CompilePagedAttention(const PagedAttentionSpec& spec,
                                                    codegen::KernelLibrary& library) {
  VIVACE_RETURN_IF_ERROR(CheckPagedAttention(spec));
  PagedAttentionKernels kernels = {};
  for (int size = 0; size < kAttentionRowSizes && AttentionKernelRows(spec, size) > 0; ++size) {
    const int rows = AttentionKernelRows(spec, size);
    VIVACE_ASSIGN_OR_RETURN(kernels.chunk[size],
                            library.Compile(BuildAttentionChunk(spec, rows, library.target())));
    std::fill(kernels.chunk + size, kernels.chunk + kAttentionRowSizes, kernels.chunk[size]);
  }
  VIVACE_ASSIGN_OR_RETURN(kernels.merge, library.Compile(BuildAttentionMerge(spec)));
  VIVACE_ASSIGN_OR_RETURN(kernels.finish, library.Compile(BuildAttentionFinish(spec)));
  return kernels;
}

PagedAttentionCode Resolve(const PagedAttentionKernels& kernels, const codegen::KernelLibrary& library) {
  PagedAttentionCode code = {};
  for (int size = 0; size < kAttentionRowSizes; ++size) code.chunk[size] = library.Get(kernels.chunk[size]);
  code.merge = library.Get(kernels.merge);
  code.finish = library.Get(kernels.finish);
  return code;
}

std::size_t AttentionSplitBytes(const PagedAttentionSpec& spec, int threads, int max_positions) {
  const auto heads = static_cast<std::size_t>(MostSplitHeads(threads));
  const std::size_t chunks = max_positions / KvLayout::kChunkTokens + 1;
  const std::size_t partial = static_cast<std::size_t>(Group(spec)) * AttentionQueryBytes(spec);
  return heads * kCounterBytes + std::min(kMostSplitBytes, heads * chunks * partial);
}

TaskKernel PagedAttentionKernel() {
  return {Grid, Run};
}

}  // namespace vivace::kernels
