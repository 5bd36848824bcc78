#include "kernels/gemm_tile_frame.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Mem;
using codegen::Op;
using codegen::Vec;

TileFrame::TileFrame(Builder& b, const TileShape& shape, ColumnRange range, Totals totals)
    : b_(b), shape_(shape), range_(range), totals_in_(totals), rows_{shape.k, shape.activation} {}

void TileFrame::StartTotals(bool from_memory) {
  if (totals_in_ == Totals::kMemory) {
    if (from_memory) return;
    const Vec zero = b_.ConstInt(0);
    for (int r = 0; r < shape_.rows; ++r) {
      for (int v = range_.first; v < range_.end(); ++v) b_.Store(Result(r, v), zero);
    }
    return;
  }
  total_.resize(shape_.rows);
  for (int r = 0; r < shape_.rows; ++r) {
    for (int v = range_.first; v < range_.end(); ++v)
      total_[r][v] = from_memory ? b_.Load(Result(r, v)) : b_.ConstInt(0);
  }
}

void TileFrame::StartStep() {
  integer_.assign(static_cast<std::size_t>(shape_.rows) * rows_.planes(), {});
  for (Columns& columns : integer_) {
    for (int v = range_.first; v < range_.end(); ++v) columns[v] = b_.ConstInt(0);
  }
}

void TileFrame::DotQuad(int k, const Columns& codes, bool narrow) {
  for (int r = 0; r < shape_.rows; ++r) {
    for (int plane = 0; plane < rows_.planes(); ++plane) {
      const Vec x = b_.Broadcast({input, r * rows_.row_stride() + plane * rows_.plane_bytes() + k});
      for (int v = range_.first; v < range_.end(); ++v) {
        if (narrow) {
          b_.Dot4Narrow(Integer(r, plane)[v], x, codes[v]);
        } else {
          b_.Dot4(Integer(r, plane)[v], x, codes[v]);
        }
      }
    }
  }
}

void TileFrame::AddWords(int group, const Columns& words) {
  for (int r = 0; r < shape_.rows; ++r) {
    for (int plane = 0; plane < rows_.planes(); ++plane) {
      for (int v = range_.first; v < range_.end(); ++v)
        b_.Dot2Broadcast(Integer(r, plane)[v], words[v], Parameter(r, rows_.word_offset(plane), group));
    }
  }
}

// The integer sum of an output; of two planes, 256 * high + low.
Vec TileFrame::Sum(int r, int v) {
  const Vec i = Integer(r, 0)[v];
  if (rows_.planes() == 2) {
    const Vec high = b_.ShiftLeft(i, 8);
    b_.BinaryTo(Op::kAddInt, i, high, Integer(r, 1)[v]);
  }
  return i;
}

void TileFrame::FmaTotal(int r, int v, Vec a, Mem x) {
  if (totals_in_ == Totals::kRegisters) return b_.FmaBroadcast(total_[r][v], a, x);
  const Vec total = b_.Load(Result(r, v));
  b_.FmaBroadcast(total, a, x);
  b_.Store(Result(r, v), total);
}

void TileFrame::AddScaled(int group, const Columns& scales) {
  for (int r = 0; r < shape_.rows; ++r) {
    for (int v = range_.first; v < range_.end(); ++v) {
      const Vec i = Sum(r, v);
      b_.UnaryTo(Op::kToFloat, i, i);
      // Codes that have a scale per column only get it at the end.
      if (tensor::Row(shape_.type).scales != tensor::WeightScale::kChannel)
        b_.BinaryTo(Op::kMul, i, i, scales[v]);
      FmaTotal(r, v, i, Parameter(r, rows_.scale_offset(), group));
    }
  }
}

void TileFrame::AddMinimums(int group, const Columns& minimums) {
  for (int r = 0; r < shape_.rows; ++r) {
    for (int v = range_.first; v < range_.end(); ++v)
      FmaTotal(r, v, minimums[v], Parameter(r, rows_.sum_offset(), group));
  }
}

void TileFrame::Finish(const Mem* scale) {
  if (totals_in_ == Totals::kMemory && scale == nullptr) return;
  for (int v = range_.first; v < range_.end(); ++v) {
    Vec factor{};
    if (scale != nullptr) factor = b_.Load({scale->base, scale->offset + 64 * v});
    for (int r = 0; r < shape_.rows; ++r) {
      Vec total = totals_in_ == Totals::kRegisters ? total_[r][v] : b_.Load(Result(r, v));
      if (scale != nullptr) total = b_.Mul(total, factor);
      b_.Store(Result(r, v), total);
    }
  }
}

}  // namespace vivace::kernels
