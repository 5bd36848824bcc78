// Causal attention over the paged cache, for one tile of up to kPortableAttentionRows token rows of a
// sequence and one query head. Included only by portable_kernels.h (see there).
//
// Bits: a row is reduced over chunks of 256 absolute positions. Within a chunk: scores (sum over head_dim in
// order), their maximum, exponentials, their sum by lanes over the blocks in order, and the weighted sum of V
// over positions in order; chunks are merged in order. A position that a row must not see contributes an
// exact zero to the sum and is never multiplied with V.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/portable.h"
#include "kernels/portable_rows.h"
#include "kernels/portable_vector.h"

namespace vivace::kernels {
namespace {

constexpr int kSlots = tensor::KvLayout::kBlockTokens;
constexpr int kChunk = tensor::KvLayout::kChunkTokens;
constexpr int kSlotParts = kSlots / kLanes;
constexpr float kMasked = -3.0e38f;

VIVACE_INLINE V LoadElements(const float* p) {
  return Load(p);
}
VIVACE_INLINE V LoadElements(const std::uint16_t* p) {
  return LoadHalf(reinterpret_cast<const std::byte*>(p));
}

/// What one task works on. Rows that see nothing of the current chunk are left out: the tile is rows
/// `first_row` .. `rows`.
template <class Element, int kRows>
struct AttentionTask {
  const Element* layer;  // of this layer and KV head
  const std::int32_t* blocks;
  std::size_t block_stride, v_offset;
  const float* q[kRows];
  int dim;
  float scale;
  int rows;
  int first_position;  // of row 0
};

/// A chunk's own results, and what the chunks before it have come to. accumulated: [kRows][dim].
template <int kRows>
struct AttentionState {
  float* scores;        // [kRows][kChunk]; exponentials after SoftmaxChunk
  float* chunk_values;  // [kRows][dim]
  float* values;        // [kRows][dim]
  float chunk_maximum[kRows], chunk_sum[kRows];
  float maximum[kRows], sum[kRows];
};

/// scores[r][j ..] = scale * q_r . K[chunk + j ..] for kBlocks blocks.
template <int kBlocks, class Element, int kRows>
VIVACE_INLINE void ScoreBlocks(const AttentionTask<Element, kRows>& task, int chunk, int j, float* scores) {
  const Element* keys[kBlocks];
  for (int b = 0; b < kBlocks; ++b) {
    keys[b] =
        task.layer + static_cast<std::size_t>(task.blocks[(chunk + j) / kSlots + b]) * task.block_stride;
  }
  V sum[kRows][kBlocks * kSlotParts] = {};
  for (int d = 0; d < task.dim; ++d) {
    for (int b = 0; b < kBlocks; ++b) {
      for (int p = 0; p < kSlotParts; ++p) {
        const V key = LoadElements(keys[b] + d * kSlots + p * kLanes);
        for (int r = 0; r < kRows; ++r) {
          V& target = sum[r][b * kSlotParts + p];
          target = Fma(Splat(task.q[r][d]), key, target);
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kBlocks * kSlotParts; ++i)
      Store(scores + r * kChunk + j + i * kLanes, sum[r][i] * Splat(task.scale));
  }
}

/// Scores of the blocks that any row sees, several at a time so that the sums do not wait for one another.
template <class Element, int kRows>
void ScoreChunk(const AttentionTask<Element, kRows>& task, int chunk, int visible, float* scores) {
  constexpr int kBlocks = kRows == 1 ? 4 : 1;
  int j = 0;
  for (; j + kBlocks * kSlots <= visible; j += kBlocks * kSlots) ScoreBlocks<kBlocks>(task, chunk, j, scores);
  for (; j < visible; j += kSlots) ScoreBlocks<1>(task, chunk, j, scores);
}

/// Turns one row's scores into exponentials: the first `count` positions; zeros up to the end of the block.
VIVACE_INLINE void SoftmaxRow(float* scores, int count, float* maximum, float* sum) {
  const int end = (count + kSlots - 1) / kSlots * kSlots;
  for (int j = count; j < end; ++j) scores[j] = kMasked;
  V best = Splat(kMasked);
  for (int j = 0; j < end; j += kLanes) best = Max(best, Load(scores + j));
  *maximum = MaxLanes(best);
  const V top = Splat(*maximum);
  V total = {};
  for (int j = 0; j < end; j += kLanes) {
    const V score = Load(scores + j);
    const V exponential = score > Splat(kMasked) ? Exp(score - top) : V{};
    Store(scores + j, exponential);
    total = total + exponential;
  }
  *sum = SumLanes(total);
}

#if defined(__AVX512F__)
constexpr int kValueParts = 4;
#else
constexpr int kValueParts = 2;
#endif

/// Adds p[j] * V[j] for positions [begin, end) of the chunk to columns d .. of rows kFirst .. kRows - 1.
template <int kFirst, int kWidth, class Element, int kRows>
VIVACE_INLINE void AddValues(const AttentionTask<Element, kRows>& task, int chunk, int begin, int end,
                             const float* scores, int d, V (&sum)[kRows][kWidth]) {
  for (int j = begin; j < end; ++j) {
    const std::size_t block = static_cast<std::size_t>(task.blocks[(chunk + j) / kSlots]) * task.block_stride;
    const Element* values =
        task.layer + block + task.v_offset + static_cast<std::size_t>(j % kSlots) * task.dim + d;
    for (int p = 0; p < kWidth; ++p) {
      const V value = LoadElements(values + p * kLanes);
      for (int r = kFirst; r < kRows; ++r) sum[r][p] = Fma(Splat(scores[r * kChunk + j]), value, sum[r][p]);
    }
  }
}

/// chunk_values[r][d ..] for kWidth vectors of columns; row r sees counts[r] positions, ascending, differing
/// by at most 1 a row.
template <int kWidth, class Element, int kRows>
void ValueColumns(const AttentionTask<Element, kRows>& task, int chunk, const int (&counts)[kRows],
                  const float* scores, int d, float* out) {
  V sum[kRows][kWidth] = {};
  AddValues<0>(task, chunk, 0, counts[0], scores, d, sum);
  if constexpr (kRows == 4) {
    AddValues<1>(task, chunk, counts[0], counts[1], scores, d, sum);
    AddValues<2>(task, chunk, counts[1], counts[2], scores, d, sum);
    AddValues<3>(task, chunk, counts[2], counts[3], scores, d, sum);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < kWidth; ++p) Store(out + r * task.dim + d + p * kLanes, sum[r][p]);
  }
}

/// Merges the chunk's results of one row into the running ones.
template <int kRows>
VIVACE_INLINE void MergeRow(AttentionState<kRows>& state, int r, int dim) {
  float* values = state.values + r * dim;
  const float* chunk_values = state.chunk_values + r * dim;
  const float top = state.chunk_maximum[r] > state.maximum[r] ? state.chunk_maximum[r] : state.maximum[r];
  const float old_factor = ExpScalar(state.maximum[r] - top),
              new_factor = ExpScalar(state.chunk_maximum[r] - top);
  state.sum[r] = FmaScalar(state.sum[r], old_factor, state.chunk_sum[r] * new_factor);
  state.maximum[r] = top;
  for (int d = 0; d < dim; d += kLanes) {
    Store(values + d, Fma(Load(values + d), Splat(old_factor), Load(chunk_values + d) * Splat(new_factor)));
  }
}

template <class Element, int kRows>
void AttentionChunk(const AttentionTask<Element, kRows>& task, int chunk, AttentionState<kRows>& state) {
  int counts[kRows];  // positions of this chunk that a row sees
  for (int r = 0; r < kRows; ++r) {
    const int row = r < task.rows ? r : task.rows - 1;
    const int count = task.first_position + row + 1 - chunk;
    counts[r] = count < 0 ? 0 : count > kChunk ? kChunk : count;
  }
  ScoreChunk(task, chunk, counts[kRows - 1], state.scores);
  for (int r = 0; r < kRows; ++r) {
    if (counts[r] > 0)
      SoftmaxRow(state.scores + r * kChunk, counts[r], &state.chunk_maximum[r], &state.chunk_sum[r]);
  }
  int d = 0;
  for (; d + kValueParts * kLanes <= task.dim; d += kValueParts * kLanes) {
    ValueColumns<kValueParts>(task, chunk, counts, state.scores, d, state.chunk_values);
  }
  for (; d < task.dim; d += kLanes) ValueColumns<1>(task, chunk, counts, state.scores, d, state.chunk_values);
  for (int r = 0; r < task.rows; ++r) {
    if (counts[r] > 0) MergeRow(state, r, task.dim);
  }
}

/// A tile of up to kRows rows; missing ones repeat the last and are not written.
template <class Element, int kRows>
void AttendTile(const AttentionArgs& args, const tensor::AttentionTile& tile, int head,
                const TaskContext& context) {
  const tensor::SequenceView& sequence = context.step.sequences[tile.sequence];
  const CacheShape shape = ShapeOf(args.layout);
  const int dim = args.layout.head_dim;
  const int kv_head = head / (args.heads / args.layout.kv_heads);
  AttentionTask<Element, kRows> task = {reinterpret_cast<const Element*>(args.layer) + kv_head * shape.head,
                                        sequence.blocks,
                                        shape.block,
                                        shape.v_offset,
                                        {},
                                        dim,
                                        args.scale,
                                        tile.rows,
                                        sequence.first_position + tile.first_row - sequence.first_row};
  const std::size_t width = static_cast<std::size_t>(args.heads) * dim;
  const std::size_t column = static_cast<std::size_t>(head) * dim;
  for (int r = 0; r < kRows; ++r) {
    task.q[r] = args.q + (tile.first_row + (r < tile.rows ? r : tile.rows - 1)) * width + column;
  }
  AttentionState<kRows> state = {};
  state.scores = reinterpret_cast<float*>(context.scratch);
  state.chunk_values = state.scores + kRows * kChunk;
  state.values = state.chunk_values + kRows * dim;
  for (int i = 0; i < kRows * dim; ++i) state.values[i] = 0.0f;
  for (int r = 0; r < kRows; ++r) state.maximum[r] = kMasked;
  for (int chunk = 0; chunk < task.first_position + tile.rows; chunk += kChunk)
    AttentionChunk(task, chunk, state);
  for (int r = 0; r < tile.rows; ++r) {
    float* out = args.out + (tile.first_row + r) * width + column;
    const V inverse = Splat(1.0f / state.sum[r]);
    for (int d = 0; d < dim; d += kLanes) Store(out + d, Load(state.values + r * dim + d) * inverse);
  }
}

template <class Element>
void Attend(const AttentionArgs& args, const tensor::AttentionTile& tile, int head,
            const TaskContext& context) {
  static_assert(kPortableAttentionRows == 4);
  if (tile.rows == 1) return AttendTile<Element, 1>(args, tile, head, context);
  AttendTile<Element, 4>(args, tile, head, context);
}

/// Task = tile * heads + head.
void Attention(const void* arguments, int task, const TaskContext& context) {
  const AttentionArgs& args = *static_cast<const AttentionArgs*>(arguments);
  const tensor::AttentionTile& tile = context.step.attention_tiles[task / args.heads];
  if (args.layout.type == tensor::DType::kF32) {
    Attend<float>(args, tile, task % args.heads, context);
  } else {
    Attend<std::uint16_t>(args, tile, task % args.heads, context);
  }
}

}  // namespace
}  // namespace vivace::kernels
