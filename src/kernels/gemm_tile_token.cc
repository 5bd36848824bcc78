#include "kernels/gemm_tile_token.h"

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/gemm_tile_codes.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Function;
using codegen::Op;
using codegen::Scalar;
using codegen::Target;
using codegen::Vec;

namespace {

constexpr std::int32_t kLine = 64;
// Quads of k in one turn of the loop: with many rows there is enough to do in one, and code takes time to
// make.
int QuadsPerTurn(int rows) {
  return rows > 4 ? 2 : 4;
}

// Products of every row with the codes, over the whole of k; `unit` and `input` end behind it.
std::vector<Columns> Products(Builder& b, const TileShape& shape, ColumnRange range, Scalar input,
                              Scalar unit) {
  const int stride = tensor::QuantizedRows{shape.k, shape.activation}.row_stride();
  std::vector<Columns> sums(shape.rows);
  for (Columns& columns : sums) {
    for (int v = range.first; v < range.end(); ++v) columns[v] = b.ConstInt(0);
  }
  const int quads = QuadsPerTurn(shape.rows);
  b.Loop(shape.k / (4 * quads));
  for (int q = 0; q < quads; ++q) {
    Columns codes{};
    for (int v = range.first; v < range.end(); ++v) {
      const std::int32_t line = (2 * q + v) * kLine;
      if (shape.prefetch.far_bytes != 0) b.Prefetch1({unit, shape.prefetch.far_bytes + line});
      if (shape.prefetch.near_bytes != 0) b.Prefetch0({unit, shape.prefetch.near_bytes + line});
      codes[v] = b.Load({unit, line});
    }
    for (int r = 0; r < shape.rows; ++r) {
      const Vec x = b.Broadcast({input, r * stride + 4 * q});
      for (int v = range.first; v < range.end(); ++v) b.Dot4(sums[r][v], x, codes[v]);
    }
  }
  b.Bump(input, 4 * quads);
  b.Bump(unit, 2 * quads * kLine);
  b.End();
  return sums;
}

// y = float(i - zero * sum of codes) * x scale * column scale. `input` and `unit` are behind k.
void Store(Builder& b, const TileShape& shape, ColumnRange range, const std::vector<Columns>& sums,
           Scalar input, Scalar unit, Scalar result) {
  const tensor::QuantizedRows rows{shape.k, shape.activation};
  for (int r = 0; r < shape.rows; ++r) {
    const std::int32_t parameters = r * rows.row_stride() + rows.scale_offset() - shape.k;
    for (int v = range.first; v < range.end(); ++v) {
      const Vec i = sums[r][v];
      const Vec correction = b.MulInt(b.Broadcast({input, parameters + 4}), b.Load({unit, 128 + v * kLine}));
      b.BinaryTo(Op::kSubInt, i, i, correction);
      b.UnaryTo(Op::kToFloat, i, i);
      const Vec y = b.Mul(b.MulBroadcast(i, {input, parameters}), b.Load({unit, v * kLine}));
      b.Store({result, r * shape.c_stride + v * kLine}, y);
    }
  }
}

}  // namespace

int TokenRows(const Target& target) {
  const int width = PassWidth(target);
  return std::min(kMaximumTileRows, (target.vectors - width - 1) / width);
}

Function BuildTokenTile(const TileShape& shape, const Target& target) {
  Builder b("gemm_tile_" + std::string(tensor::Row(shape.type).name) + "_u8token_k" +
            std::to_string(shape.k) + "_r" + std::to_string(shape.rows) + "_c" +
            std::to_string(shape.c_stride));
  const int width = PassWidth(target);
  for (int v = 0; v < 2; v += width) {
    const Scalar input = b.Arg(kTileInput), unit = b.Arg(kTileUnit), result = b.Arg(kTileResult);
    Store(b, shape, {v, width}, Products(b, shape, {v, width}, input, unit), input, unit, result);
  }
  return b.Take();
}

}  // namespace vivace::kernels
