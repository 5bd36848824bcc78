// Causal attention over the paged cache, for one tile of up to kPortableAttentionRows token rows of a
// sequence and one query head. Included only by portable_kernels.h (see there).
//
// Bits: a row is reduced over chunks of 256 absolute positions. Within a chunk: scores (sum over head_dim in
// order), their maximum, exponentials, their sum by lanes over the blocks in order, and the weighted sum of V
// over positions in order; chunks are merged in order. A position that a row must not see contributes an
// exact zero to the sum and is never multiplied with V. A window only moves the first position that a row
// sees; whole blocks before it are not read.
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
/// The first `count` elements at p, zeros above.
template <class Element>
VIVACE_INLINE V LoadSomeElements(const Element* p, int count) {
  Element padded[kLanes] = {};
  __builtin_memcpy(padded, p, static_cast<std::size_t>(count) * sizeof(Element));
  return LoadElements(padded);
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
  int stride;  // of a row of values in scratch: dim up to whole vectors
  float scale, softcap;
  int window;
  int rows;
  int first_position;  // of row 0
};

/// A chunk's own results, and what the chunks before it have come to. values: [kRows][stride].
template <int kRows>
struct AttentionState {
  float* scores;        // [kRows][kChunk]; exponentials after SoftmaxChunk
  float* chunk_values;  // [kRows][stride]
  float* values;        // [kRows][stride]
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
    for (int i = 0; i < kBlocks * kSlotParts; ++i) {
      const V score = sum[r][i] * Splat(task.scale);
      Store(scores + r * kChunk + j + i * kLanes,
            task.softcap > 0 ? SoftCapped(score, Splat(task.softcap)) : score);
    }
  }
}

/// Scores of the blocks that hold positions [begin, visible) of the chunk, several at a time so that the sums
/// do not wait for one another.
template <class Element, int kRows>
void ScoreChunk(const AttentionTask<Element, kRows>& task, int chunk, int begin, int visible, float* scores) {
  constexpr int kBlocks = kRows == 1 ? 4 : 1;
  int j = begin / kSlots * kSlots;
  for (; j + kBlocks * kSlots <= visible; j += kBlocks * kSlots) ScoreBlocks<kBlocks>(task, chunk, j, scores);
  for (; j < visible; j += kSlots) ScoreBlocks<1>(task, chunk, j, scores);
}

/// Turns one row's scores into exponentials: positions [begin, count); zeros in the rest of their blocks. A
/// score that is no finite number makes the sum NaN.
VIVACE_INLINE void SoftmaxRow(float* scores, int begin, int count, float* maximum, float* sum) {
  const int first = begin / kSlots * kSlots;
  for (int j = first; j < begin; ++j) scores[j] = kMasked;
  const int end = (count + kSlots - 1) / kSlots * kSlots;
  for (int j = count; j < end; ++j) scores[j] = kMasked;
  V best = Splat(kMasked);
  for (int j = first; j < end; j += kLanes) best = Max(best, Load(scores + j));
  *maximum = MaxLanes(best);
  const V top = Splat(*maximum);
  V total = {};
  for (int j = first; j < end; j += kLanes) {
    const V score = Load(scores + j);
    const V exponential = score == Splat(kMasked) ? V{} : Fma(score, Splat(0.0f), Exp(score - top));
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

/// Adds p[j] * V[j] for positions [begin, end) of the chunk to columns d .. of rows kFirst .. kEnd - 1.
/// `partial`: of the only vector of columns no more than that many exist.
template <int kFirst, int kEnd, int kWidth, bool kPartial, class Element, int kRows>
VIVACE_INLINE void AddValues(const AttentionTask<Element, kRows>& task, int chunk, int begin, int end,
                             const float* scores, int d, int partial, V (&sum)[kRows][kWidth]) {
  for (int j = begin; j < end; ++j) {
    const std::size_t block = static_cast<std::size_t>(task.blocks[(chunk + j) / kSlots]) * task.block_stride;
    const Element* values =
        task.layer + block + task.v_offset + static_cast<std::size_t>(j % kSlots) * task.dim + d;
    for (int p = 0; p < kWidth; ++p) {
      const V value = kPartial ? LoadSomeElements(values, partial) : LoadElements(values + p * kLanes);
      for (int r = kFirst; r < kEnd; ++r) sum[r][p] = Fma(Splat(scores[r * kChunk + j]), value, sum[r][p]);
    }
  }
}

/// The positions of a chunk that each row of a tile sees: [begins[r], counts[r]). Both ascend by at most 1 a
/// row, and no row begins behind the end of the first.
template <int kRows>
struct Visible {
  int begins[kRows], counts[kRows];
};

/// chunk_values[r][d ..] for kWidth vectors of columns.
template <int kWidth, bool kPartial, class Element, int kRows>
void ValueColumns(const AttentionTask<Element, kRows>& task, int chunk, const Visible<kRows>& visible,
                  const float* scores, int d, float* out) {
  V sum[kRows][kWidth] = {};
  const int(&begins)[kRows] = visible.begins;
  const int(&counts)[kRows] = visible.counts;
  const int partial = task.dim - d;
  if constexpr (kRows == 4) {
    AddValues<0, 1, kWidth, kPartial>(task, chunk, begins[0], begins[1], scores, d, partial, sum);
    AddValues<0, 2, kWidth, kPartial>(task, chunk, begins[1], begins[2], scores, d, partial, sum);
    AddValues<0, 3, kWidth, kPartial>(task, chunk, begins[2], begins[3], scores, d, partial, sum);
  }
  AddValues<0, kRows, kWidth, kPartial>(task, chunk, begins[kRows - 1], counts[0], scores, d, partial, sum);
  if constexpr (kRows == 4) {
    AddValues<1, 4, kWidth, kPartial>(task, chunk, counts[0], counts[1], scores, d, partial, sum);
    AddValues<2, 4, kWidth, kPartial>(task, chunk, counts[1], counts[2], scores, d, partial, sum);
    AddValues<3, 4, kWidth, kPartial>(task, chunk, counts[2], counts[3], scores, d, partial, sum);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < kWidth; ++p) Store(out + r * task.stride + d + p * kLanes, sum[r][p]);
  }
}

/// Merges the chunk's results of one row into the running ones.
template <int kRows>
VIVACE_INLINE void MergeRow(AttentionState<kRows>& state, int r, int stride) {
  float* values = state.values + r * stride;
  const float* chunk_values = state.chunk_values + r * stride;
  const float top = state.chunk_maximum[r] > state.maximum[r] ? state.chunk_maximum[r] : state.maximum[r];
  const float old_factor = ExpScalar(state.maximum[r] - top),
              new_factor = ExpScalar(state.chunk_maximum[r] - top);
  state.sum[r] = FmaScalar(state.sum[r], old_factor, state.chunk_sum[r] * new_factor);
  state.maximum[r] = top;
  for (int d = 0; d < stride; d += kLanes) {
    Store(values + d, Fma(Load(values + d), Splat(old_factor), Load(chunk_values + d) * Splat(new_factor)));
  }
}

VIVACE_INLINE int WithinChunk(int position) {
  return position < 0 ? 0 : position > kChunk ? kChunk : position;
}

template <class Element, int kRows>
void AttentionChunk(const AttentionTask<Element, kRows>& task, int chunk, AttentionState<kRows>& state) {
  Visible<kRows> visible;
  for (int r = 0; r < kRows; ++r) {
    const int end = task.first_position + (r < task.rows ? r : task.rows - 1) + 1 - chunk;
    visible.counts[r] = WithinChunk(end);
    visible.begins[r] = task.window > 0 ? WithinChunk(end - task.window) : 0;
  }
  if (visible.begins[0] == kChunk) return;  // all rows' windows begin behind it
  ScoreChunk(task, chunk, visible.begins[0], visible.counts[kRows - 1], state.scores);
  const auto sees = [&](int r) { return visible.counts[r] > visible.begins[r]; };
  for (int r = 0; r < kRows; ++r) {
    if (!sees(r)) continue;
    SoftmaxRow(state.scores + r * kChunk, visible.begins[r], visible.counts[r], &state.chunk_maximum[r],
               &state.chunk_sum[r]);
  }
  int d = 0;
  for (; d + kValueParts * kLanes <= task.dim; d += kValueParts * kLanes) {
    ValueColumns<kValueParts, false>(task, chunk, visible, state.scores, d, state.chunk_values);
  }
  for (; d + kLanes <= task.dim; d += kLanes) {
    ValueColumns<1, false>(task, chunk, visible, state.scores, d, state.chunk_values);
  }
  if (d < task.dim) ValueColumns<1, true>(task, chunk, visible, state.scores, d, state.chunk_values);
  for (int r = 0; r < task.rows; ++r) {
    if (sees(r)) MergeRow(state, r, task.stride);
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
                                        (dim + kLanes - 1) / kLanes * kLanes,
                                        args.scale,
                                        args.softcap,
                                        args.window,
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
  state.values = state.chunk_values + kRows * task.stride;
  for (int i = 0; i < kRows * task.stride; ++i) state.values[i] = 0.0f;
  for (int r = 0; r < kRows; ++r) state.maximum[r] = kMasked;
  for (int chunk = 0; chunk < task.first_position + tile.rows; chunk += kChunk)
    AttentionChunk(task, chunk, state);
  for (int r = 0; r < tile.rows; ++r) {
    float* out = args.out + (tile.first_row + r) * width + column;
    const V inverse = Splat(1.0f / state.sum[r]);
    const float* values = state.values + r * task.stride;
    int d = 0;
    for (; d + kLanes <= dim; d += kLanes) Store(out + d, Load(values + d) * inverse);
    if (d < dim) StoreSome(out + d, Load(values + d) * inverse, dim - d);
  }
}

template <class Element>
void AttendRows(const AttentionArgs& args, const tensor::AttentionTile& tile, int head,
                const TaskContext& context) {
  static_assert(kPortableAttentionRows == 4);
  if (tile.rows == 1) return AttendTile<Element, 1>(args, tile, head, context);
  if (args.window > 0 && args.window < kPortableAttentionRows) {
    // The rows of the tile would not all see one position in common.
    for (int r = 0; r < tile.rows; ++r) {
      AttendTile<Element, 1>(args, {tile.sequence, tile.first_row + r, 1}, head, context);
    }
    return;
  }
  AttendTile<Element, 4>(args, tile, head, context);
}

/// Tiles of any size, a few rows at a time.
template <class Element>
void Attend(const AttentionArgs& args, const tensor::AttentionTile& tile, int head,
            const TaskContext& context) {
  for (int r = 0; r < tile.rows; r += kPortableAttentionRows) {
    const int rest = tile.rows - r;
    AttendRows<Element>(
        args,
        {tile.sequence, tile.first_row + r, rest < kPortableAttentionRows ? rest : kPortableAttentionRows},
        head, context);
  }
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
