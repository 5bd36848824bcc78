#include "kernels/attention_elements.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Mem;
using codegen::Op;
using codegen::Vec;
using tensor::DType;

bool IsKvType(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16 || type == DType::kI8;
}

Vec LoadKvElements(Builder& b, DType type, Mem m) {
  if (type == DType::kF32) return b.Load(m);
  if (type == DType::kF16) return b.LoadF16(m);
  if (type == DType::kBF16) return b.LoadBf16(m);
  const Vec codes = b.LoadS8(m);
  b.UnaryTo(Op::kToFloat, codes, codes);
  return codes;
}

SoftCapConstants MakeSoftCapConstants(Builder& b, float cap) {
  return {MakeExpConstants(b), b.Const(2.0f / cap), b.Const(cap), b.Const(2.0f)};
}

Vec SoftCap(Builder& b, const SoftCapConstants& k, Vec x) {
  const Vec exponential = Exp(b, k.exp, b.Mul(x, k.two_over_cap));
  const Vec fraction = b.Div(k.two, b.Add(exponential, k.exp.one));
  const Vec capped = b.NewVec();
  b.MoveTo(capped, k.cap);
  b.Fnma(capped, fraction, k.cap);
  return capped;
}

}  // namespace vivace::kernels
