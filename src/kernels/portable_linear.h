// Weights of each type as vectors of float, and the contraction over them. Included only by
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

namespace vivace::kernels {
namespace {

constexpr int kBlock = 32;  // weights that a reader gives at once
constexpr int kParts = kBlock / kLanes;

struct WeightF32 {
  static constexpr int kBytes = 128;       // of a block
  static constexpr int kElementBytes = 4;  // 0: the type has no partial blocks
  VIVACE_INLINE void Read(const std::byte* block, V (&w)[kParts]) {
    for (int p = 0; p < kParts; ++p) __builtin_memcpy(&w[p], block + p * sizeof(V), sizeof(V));
  }
};

struct WeightF16 {
  static constexpr int kBytes = 64;
  static constexpr int kElementBytes = 2;
  VIVACE_INLINE void Read(const std::byte* block, V (&w)[kParts]) {
    for (int p = 0; p < kParts; ++p) w[p] = LoadHalf(block + p * kLanes * 2);
  }
};

VIVACE_INLINE float HalfAt(const std::byte* p) {
  std::uint16_t half;
  __builtin_memcpy(&half, p, sizeof(half));
  return HalfToFloat(half);
}

/// kLanes signed (or unsigned) bytes as floats.
VIVACE_INLINE V FloatsOfSigned(const std::byte* p) {
#if defined(__AVX512F__)
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p))));
#elif defined(__AVX2__)
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadu_si64(p)));
#else
  return _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_loadu_si32(p)));
#endif
}

/// q4_1: f16 scale, f16 minimum, 16 bytes; low nibbles are elements 0..15, high nibbles 16..31. w = q * scale
/// + minimum.
struct WeightQ41 {
  static constexpr int kBytes = 20;
  static constexpr int kElementBytes = 0;
  VIVACE_INLINE void Read(const std::byte* block, V (&w)[kParts]) {
    const V scale = Splat(HalfAt(block)), minimum = Splat(HalfAt(block + 2));
    const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(block + 4));
#if defined(__AVX512F__)
    // All 16 values a weight can have, then one permutation per 16 weights; it looks at the low 4 bits of an
    // index only.
    const V digits = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const V values = Fma(digits, scale, minimum);
    const VI index = _mm512_cvtepu8_epi32(packed);
    w[0] = _mm512_permutexvar_ps(index, values);
    w[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(index, 4), values);
#else
    const __m128i mask = _mm_set1_epi8(15);
    const __m128i nibbles[2] = {_mm_and_si128(packed, mask), _mm_and_si128(_mm_srli_epi16(packed, 4), mask)};
    for (int p = 0; p < kParts; ++p) {
      const std::byte* bytes = reinterpret_cast<const std::byte*>(nibbles) + p * kLanes;
      w[p] = Fma(FloatsOfSigned(bytes), scale, minimum);
    }
#endif
  }
};

/// q8_0: f16 scale, 32 signed bytes. w = q * scale.
struct WeightQ80 {
  static constexpr int kBytes = 34;
  static constexpr int kElementBytes = 0;
  VIVACE_INLINE void Read(const std::byte* block, V (&w)[kParts]) {
    const V scale = Splat(HalfAt(block));
    for (int p = 0; p < kParts; ++p) w[p] = FloatsOfSigned(block + 2 + p * kLanes) * scale;
  }
};

template <class Weight>
VIVACE_INLINE std::size_t RowBytes(int k) {
  return static_cast<std::size_t>(k / kBlock) * Weight::kBytes +
         static_cast<std::size_t>(k % kBlock) * Weight::kElementBytes;
}

/// The last, partial block of a row of `k` weights, padded with zeros.
template <class Weight>
VIVACE_INLINE void ReadTail(const std::byte* row, int k, V (&w)[kParts]) {
  std::byte padded[Weight::kBytes] = {};
  __builtin_memcpy(padded, row + static_cast<std::size_t>(k / kBlock) * Weight::kBytes,
                   static_cast<std::size_t>(k % kBlock) * Weight::kElementBytes);
  Weight::Read(padded, w);
}

/// One row of k weights to out[0 .. k rounded up to 32), zeros past k.
template <class Weight>
void Dequantise(const std::byte* row, int k, float* out) {
  V w[kParts];
  int i = 0;
  for (; i + kBlock <= k; i += kBlock, row += Weight::kBytes) {
    Weight::Read(row, w);
    for (int p = 0; p < kParts; ++p) Store(out + i + p * kLanes, w[p]);
  }
  if (Weight::kElementBytes != 0 && i < k) {
    ReadTail<Weight>(row, k - i, w);
    for (int p = 0; p < kParts; ++p) Store(out + i + p * kLanes, w[p]);
  }
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
  const std::size_t stride = RowBytes<Weight>(k);
  V sum[kColumns] = {};
  V w[kParts];
  for (int i = 0; i + kBlock <= k; i += kBlock, x += kBlock) {
    const std::byte* block = rows + static_cast<std::size_t>(i / kBlock) * Weight::kBytes;
    for (int c = 0; c < kColumns; ++c) {
      Weight::Read(block + c * stride, w);
      for (int p = 0; p < kParts; ++p) sum[c] = Fma(w[p], Load(x + p * kLanes), sum[c]);
    }
  }
  if (Weight::kElementBytes != 0 && k % kBlock != 0) {
    float padded[kBlock];
    PadTail(x, k % kBlock, padded);
    for (int c = 0; c < kColumns; ++c) {
      ReadTail<Weight>(rows + c * stride, k, w);
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
  const std::size_t row_bytes = RowBytes<Weight>(args.k);
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
      Dequantise<Weight>(args.weight + (column + c) * RowBytes<Weight>(args.k), args.k, w + c * stride);
    }
    for (int c = columns; c % kTileColumns != 0; ++c) {
      for (std::size_t i = 0; i < stride; ++i) w[c * stride + i] = 0.0f;
    }
    MultiplyRows(args, rows, w, stride, column, columns);
  }
}

template <class Weight>
void EmbedRows(const EmbedArgs& args, int first, int last, const TaskContext& context) {
  const int whole = args.hidden / kBlock * kBlock;
  for (int r = first; r < last; ++r) {
    const std::byte* row =
        args.weight + static_cast<std::size_t>(context.step.token_ids[r]) * RowBytes<Weight>(args.hidden);
    float* out = args.out + static_cast<std::size_t>(r) * args.hidden;
    Dequantise<Weight>(row, whole, out);
    if (Weight::kElementBytes != 0 && whole < args.hidden) {
      V w[kParts];
      ReadTail<Weight>(row, args.hidden, w);
      __builtin_memcpy(out + whole, w, static_cast<std::size_t>(args.hidden - whole) * sizeof(float));
    }
  }
}

void Embed(const void* arguments, int task, const TaskContext& context) {
  const EmbedArgs& args = *static_cast<const EmbedArgs*>(arguments);
  const int first = task * kPortableTaskRows;
  const int last =
      context.step.rows - first < kPortableTaskRows ? context.step.rows : first + kPortableTaskRows;
  switch (args.type) {
    case tensor::DType::kF32:
      return EmbedRows<WeightF32>(args, first, last, context);
    case tensor::DType::kF16:
      return EmbedRows<WeightF16>(args, first, last, context);
    case tensor::DType::kQ4_1:
      return EmbedRows<WeightQ41>(args, first, last, context);
    case tensor::DType::kQ8_0:
      return EmbedRows<WeightQ80>(args, first, last, context);
    default:
      return;
  }
}

}  // namespace
}  // namespace vivace::kernels
