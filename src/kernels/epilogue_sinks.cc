#include "kernels/epilogue_sinks.h"

#include <limits>

namespace vivace::kernels {

using codegen::Builder;
using codegen::Mem;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using tensor::KvLayout;

namespace {

constexpr std::int32_t kVectorBytes = 64;
constexpr std::int32_t kUnit = 32;

}  // namespace

Scalar SlotAddress(Builder& b, Scalar slot, Scalar cache, const KvLayout& kv, int slot_bytes) {
  const Scalar number = b.Load32({slot, 0});
  const Scalar block = b.MulImm(b.ShiftRight(number, 4), static_cast<std::int64_t>(kv.block_stride()));
  const Scalar in_block = b.MulImm(b.AndImm(number, KvLayout::kBlockTokens - 1), slot_bytes);
  return b.ScalarAdd(b.ScalarAdd(block, in_block), cache);
}

void StoreElements(Builder& b, Mem target, const Pair& x, const KvLayout& kv) {
  for (const Vec v : x) {
    if (kv.type == tensor::DType::kF16) {
      b.StoreF16(target, v);
    } else if (kv.type == tensor::DType::kBF16) {
      b.StoreBf16(target, v);
    } else {
      b.Store(target, v);
    }
    target.offset += 16 * kv.element_bytes();
  }
}

void StoreKey(Builder& b, Mem target, const Pair& x, Scalar scratch, const KvLayout& kv) {
  StoreElements(b, {scratch, 0}, x, kv);
  const std::int32_t element = kv.element_bytes();
  for (std::int32_t d = 0; d < kUnit; ++d) {
    const Mem from = {scratch, d * element};
    const Mem to = {target.base, target.offset + d * element * KvLayout::kBlockTokens};
    if (element == 2) {
      b.Store16(to, b.Load16(from));
    } else {
      b.Store32(to, b.Load32(from));
    }
  }
}

MaximumConstants MakeMaximumConstants(Builder& b) {
  return {.exp = MakeExpConstants(b),
          .sixteen = b.Const(16.0f),
          .lowest = b.Const(-std::numeric_limits<float>::infinity()),
          .past = b.Const(1e9f)};
}

void StoreMaximum(Builder& b, const MaximumConstants& k, const Pair& x, const MaximumTarget& target) {
  const auto lane = [&](Vec v, std::int32_t offset) {
    b.Store(target.scratch, v);
    b.Store32({target.value.base, target.value.offset + offset}, b.Load32(target.scratch));
  };
  // What lies past the last column is below everything.
  const Vec columns = b.Unary(Op::kToFloat, b.Splat(target.columns));
  const Vec iota = b.Unary(Op::kToFloat, b.Iota()), upper = b.Add(iota, k.sixteen);
  const Pair masked = {b.SelectLess(iota, columns, x[0], k.lowest),
                       b.SelectLess(upper, columns, x[1], k.lowest)};
  const Vec maximum = b.Unary(Op::kMaxLanes, b.Max(masked[0], masked[1]));
  lane(maximum, 0);
  // The lowest lane that has it; whole numbers up to 31 and `past` are exact as floats.
  const Vec first = b.SelectLess(masked[0], maximum, k.past, iota);
  const Vec second = b.SelectLess(masked[1], maximum, k.past, upper);
  const Vec place = b.Unary(Op::kToInt, b.Unary(Op::kMinLanes, b.Min(first, second)));
  lane(b.AddInt(place, b.Splat(target.first)), target.part_bytes);
  // Columns past the last add less than 1e-36 to a sum of at least 1: nothing.
  const Vec sum = Exp(b, k.exp, b.Sub(masked[0], maximum));
  b.BinaryTo(Op::kAdd, sum, sum, Exp(b, k.exp, b.Sub(masked[1], maximum)));
  lane(b.Unary(Op::kSumLanes, sum), 2 * target.part_bytes);
}

}  // namespace vivace::kernels
