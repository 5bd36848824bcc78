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

}  // namespace vivace::kernels
