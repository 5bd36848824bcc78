#include "kernels/row_builders.h"

#include <string>

#include "base/check.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Function;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using tensor::QuantizedRows;

namespace {

constexpr int kLanes = 16;
constexpr int kVectorBytes = 64;

void StoreLane(Builder& b, Scalar at, int offset, Vec v) {
  b.StorePartial({at, offset}, v, b.ScalarConst(1));
}

// One group over the whole row: its range first, then the bytes.
void WriteToken(Builder& b, const QuantizedRows& rows, Scalar from, Scalar to) {
  const Vec zero = b.Const(0.0f), low = b.Const(0.0f), high = b.Const(0.0f), broken = b.Const(0.0f);
  Scalar in = b.Copy(from);
  b.Loop(rows.k / kLanes);
  const Vec x = b.Load({in, 0});
  b.BinaryTo(Op::kMin, low, low, x);
  b.BinaryTo(Op::kMax, high, high, x);
  b.Fma(broken, x, zero);  // no number times zero is no number
  b.Bump(in, kVectorBytes);
  b.End();
  const Vec lowest = b.Unary(Op::kMinLanes, low);
  const Vec range = b.Sub(b.Unary(Op::kMaxLanes, high), lowest);
  const Vec tiny = b.Const(1e-30f), top = b.Const(255.0f);
  const Vec inverse = b.SelectLess(range, tiny, zero, b.Div(top, range));
  const Vec scale = b.SelectLess(range, tiny, zero, b.Mul(range, b.Const(1.0f / 255.0f)));
  const Vec origin = b.Unary(Op::kRound, b.Mul(b.Sub(zero, lowest), inverse));
  in = b.Copy(from);
  const Scalar bytes = b.Copy(to);
  b.Loop(rows.k / kLanes);
  const Vec q = b.Add(b.Unary(Op::kRound, b.Mul(b.Load({in, 0}), inverse)), origin);
  b.StoreU8({bytes, 0}, b.Unary(Op::kToInt, q));
  b.Bump(in, kVectorBytes);
  b.Bump(bytes, kLanes);
  b.End();
  StoreLane(b, to, rows.scale_offset(), b.Add(scale, b.Unary(Op::kSumLanes, broken)));
  StoreLane(b, to, rows.scale_offset() + 4, b.Unary(Op::kToInt, origin));
}

}  // namespace

Function BuildQuantizeToken(int width) {
  VIVACE_CHECK(width % 32 == 0);
  Builder b("quantize_token_" + std::to_string(width));
  const QuantizedRows rows{width, tensor::ActivationType::kU8Token};
  const Scalar in = b.Arg(kTokenInput), out = b.Arg(kTokenOutput);
  b.Loop(b.Arg(kTokenRows));
  WriteToken(b, rows, in, out);
  b.Bump(in, width * 4);
  b.Bump(out, rows.row_stride());
  b.End();
  return b.Take();
}

}  // namespace vivace::kernels
