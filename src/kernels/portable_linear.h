// The contraction over weights of each type (tensor/types), and their look-up. Included only by
// portable_kernels.h (see there).
//
// Bits: output (r, n) has kLanes partial sums; lane l takes k = l, l + kLanes, ... in order, then SumLanes.
// Every path below, with one row or many, keeps that order, and takes the same float value for a weight;
// columns of k past the end are zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/portable.h"
#include "kernels/portable_tables.h"
#include "kernels/portable_vector.h"
#include "tensor/types/types.h"

namespace vivace::kernels {
namespace {

namespace types = tensor::types;
using types::kParts;
constexpr int kBlock = types::kGroup;  // weights that a reader gives at once

/// One row of k weights to out[0 .. k rounded up to 32), zeros past k.
template <class Weight>
VIVACE_INLINE void ReadPaddedRow(const std::byte* row, int k, float* out) {
  types::ReadRow<Weight>(row, k, out);
  for (int i = k; i % kBlock != 0; ++i) out[i] = 0.0f;
}

/// The last k % 32 activations of a row, padded with zeros to 32.
VIVACE_INLINE void PadTail(const float* x, int k, float (&padded)[kBlock]) {
  for (int i = 0; i < kBlock; ++i) padded[i] = i < k % kBlock ? x[k / kBlock * kBlock + i] : 0.0f;
}

#if defined(__AVX512F__)
constexpr int kTileColumns = 4, kTileRows = 6;  // 24 accumulators, 4 weights, 1 activation of 32 registers
#elif defined(__AVX2__)
constexpr int kTileColumns = 3, kTileRows = 4;  // 12, 3, 1 of 16 registers
#else
constexpr int kTileColumns = 2, kTileRows = 4;
#endif
constexpr int kDirectColumns = 4;

/// One activation row times kDirectColumns weight rows, without a dequantised copy.
template <class Weight, int kColumns>
VIVACE_INLINE void DotDirect(const std::byte* rows, int k, const float* x, float* out) {
  const std::size_t stride = types::RowBytes<Weight>(k);
  V sum[kColumns] = {};
  V w[kParts];
  const std::byte* block = rows;
  for (int i = 0; i + Weight::kElements <= k; i += Weight::kElements, block += Weight::kBytes) {
    decltype(Weight::Open(block)) opened[kColumns];
    for (int c = 0; c < kColumns; ++c) opened[c] = Weight::Open(block + c * stride);
#pragma GCC unroll 8  // readers choose by `group`
    for (int group = 0; group < Weight::kElements / kBlock; ++group, x += kBlock) {
      for (int c = 0; c < kColumns; ++c) {
        Weight::Read(block + c * stride, opened[c], group, w);
        for (int p = 0; p < kParts; ++p) sum[c] = Fma(w[p], Load(x + p * kLanes), sum[c]);
      }
    }
  }
  if (Weight::kElementBytes != 0 && k % kBlock != 0) {
    float padded[kBlock];
    PadTail(x, k % kBlock, padded);
    for (int c = 0; c < kColumns; ++c) {
      types::ReadTail<Weight>(rows + c * stride, k, w);
      for (int p = 0; p < kParts; ++p) sum[c] = Fma(w[p], Load(padded + p * kLanes), sum[c]);
    }
  }
  for (int c = 0; c < kColumns; ++c) out[c] = SumLanes(sum[c]);
}

/// A tile of kRows activation rows (stride k) by kTileColumns dequantised weight rows (stride w_stride), of
/// which `columns` are wanted.
template <int kRows>
void DotTile(const float* x, const float* w, std::size_t w_stride, int k, float* out, int n, int columns) {
  V sum[kRows][kTileColumns] = {};
  const int whole = k / kBlock * kBlock;
  for (int i = 0; i < whole; i += kLanes) {
    V weight[kTileColumns];
    for (int c = 0; c < kTileColumns; ++c) weight[c] = Load(w + c * w_stride + i);
    for (int r = 0; r < kRows; ++r) {
      const V activation = Load(x + static_cast<std::size_t>(r) * k + i);
      for (int c = 0; c < kTileColumns; ++c) sum[r][c] = Fma(weight[c], activation, sum[r][c]);
    }
  }
  if (whole < k) {
    for (int r = 0; r < kRows; ++r) {
      float padded[kBlock];
      PadTail(x + static_cast<std::size_t>(r) * k, k, padded);
      for (int i = 0; i < kBlock; i += kLanes) {
        for (int c = 0; c < kTileColumns; ++c) {
          sum[r][c] = Fma(Load(w + c * w_stride + whole + i), Load(padded + i), sum[r][c]);
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kTileColumns; ++c) {
      const float value = SumLanes(sum[r][c]);
      if (c < columns) out[static_cast<std::size_t>(r) * n + c] = value;
    }
  }
}

using TileFn = void (*)(const float*, const float*, std::size_t, int, float*, int, int);

/// All activation rows by `columns` dequantised weight rows in w.
static void MultiplyRows(const LinearArgs& args, int rows, const float* w, std::size_t w_stride, int column,
                         int columns) {
#if defined(__AVX512F__)
  static constexpr TileFn kTiles[] = {DotTile<1>, DotTile<2>, DotTile<3>, DotTile<4>, DotTile<5>, DotTile<6>};
#else
  static constexpr TileFn kTiles[] = {DotTile<1>, DotTile<2>, DotTile<3>, DotTile<4>};
#endif
  for (int r = 0; r < rows; r += kTileRows) {
    const int tile_rows = rows - r < kTileRows ? rows - r : kTileRows;
    const float* x = args.x + static_cast<std::size_t>(r) * args.k;
    float* out = args.out + static_cast<std::size_t>(r) * args.n + column;
    for (int c = 0; c < columns; c += kTileColumns) {
      const int wanted = columns - c < kTileColumns ? columns - c : kTileColumns;
      kTiles[tile_rows - 1](x, w + c * w_stride, w_stride, args.k, out + c, args.n, wanted);
    }
  }
}

template <class Weight>
void LinearDirect(const LinearArgs& args, const std::byte* weight, int first, int last) {
  const std::size_t row_bytes = types::RowBytes<Weight>(args.k);
  int c = first;
  for (; c + kDirectColumns <= last; c += kDirectColumns) {
    DotDirect<Weight, kDirectColumns>(weight + c * row_bytes, args.k, args.x, args.out + c);
  }
  for (; c < last; ++c) DotDirect<Weight, 1>(weight + c * row_bytes, args.k, args.x, args.out + c);
}

template <class Weight>
void Linear(const void* arguments, int task, const TaskContext& context) {
  const LinearArgs& args = *static_cast<const LinearArgs*>(arguments);
  const int rows = args.logit_rows_only ? context.step.logit_count : context.step.rows;
  const int first = task * kLinearTaskColumns;
  const int last = args.n - first < kLinearTaskColumns ? args.n : first + kLinearTaskColumns;
  if (rows == 1) return LinearDirect<Weight>(args, args.weight, first, last);

  // As many weight rows at a time as fit in scratch; the stride is no power of two, so that rows do not alias
  // in L1.
  const std::size_t stride = static_cast<std::size_t>((args.k + kBlock - 1) / kBlock) * kBlock + 16;
  const std::size_t fitting = kScratchBytes / (stride * sizeof(float)) / kTileColumns * kTileColumns;
  const int batch =
      fitting < static_cast<std::size_t>(kLinearTaskColumns) ? static_cast<int>(fitting) : kLinearTaskColumns;
  float* w = reinterpret_cast<float*>(context.scratch);
  for (int column = first; column < last; column += batch) {
    const int columns = last - column < batch ? last - column : batch;
    for (int c = 0; c < columns; ++c) {
      ReadPaddedRow<Weight>(args.weight + (column + c) * types::RowBytes<Weight>(args.k), args.k,
                            w + c * stride);
    }
    for (int c = columns; c % kTileColumns != 0; ++c) {
      for (std::size_t i = 0; i < stride; ++i) w[c * stride + i] = 0.0f;
    }
    MultiplyRows(args, rows, w, stride, column, columns);
  }
}

template <class Weight>
void Embed(const void* arguments, int task, const TaskContext& context) {
  const EmbedArgs& args = *static_cast<const EmbedArgs*>(arguments);
  const int first = task * kPortableTaskRows;
  const int last =
      context.step.rows - first < kPortableTaskRows ? context.step.rows : first + kPortableTaskRows;
  for (int r = first; r < last; ++r) {
    const auto token = static_cast<std::size_t>(context.step.token_ids[r]);
    types::ReadRow<Weight>(args.weight + token * types::RowBytes<Weight>(args.hidden), args.hidden,
                           args.out + static_cast<std::size_t>(r) * args.hidden);
  }
}

}  // namespace
}  // namespace vivace::kernels
