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

Mem After(Mem m, std::int32_t bytes) {
  return {m.base, m.offset + bytes};
}

// max |x| / 127 of the head in every lane; NaN when a value is no finite number.
Vec HeadScale(Builder& b, Mem values, int head_dim) {
  const Vec magnitude = b.ConstInt(0x7fffffff), zero = b.Const(0.0f);
  const Vec maxima = b.NewVec(), poison = b.NewVec();
  b.ZeroTo(maxima);
  b.ZeroTo(poison);
  for (std::int32_t d = 0; d < head_dim; d += 16) {
    const Vec x = b.Load(After(values, d * 4));
    b.BinaryTo(Op::kMax, maxima, maxima, b.And(x, magnitude));
    // A maximum forgets a NaN; zero times it does not.
    b.Fma(poison, x, zero);
  }
  const Vec scale = b.Div(b.Unary(Op::kMaxLanes, maxima), b.Const(127.0f));
  b.BinaryTo(Op::kAdd, scale, scale, b.Unary(Op::kSumLanes, poison));
  return scale;
}

void StoreScale(Builder& b, Vec scale, const HeadTarget& target, const KvLayout& kv) {
  const Scalar at = SlotAddress(b, target.slot, target.cache, kv, sizeof(float));
  b.Store(target.scratch, scale);
  b.Store32({at, static_cast<std::int32_t>(kv.codes_bytes())}, b.Load32(target.scratch));
}

// 16 codes. What is no number (0 / 0, or x / NaN) becomes the lowest i32, whose low byte is 0.
void StoreCodes(Builder& b, Mem target, Mem values, Vec scale) {
  const Vec code = b.Unary(Op::kToInt, b.Div(b.Load(values), scale));
  b.StoreU8(target, b.And(code, b.ConstInt(0xff)));
}

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

void StoreKeyHead(Builder& b, const HeadTarget& target, const KvLayout& kv) {
  const Vec scale = HeadScale(b, target.values, kv.head_dim);
  StoreScale(b, scale, target, kv);
  const Scalar slot = SlotAddress(b, target.slot, target.cache, kv, 1);
  for (std::int32_t first = 0; first < kv.head_dim; first += 16) {
    StoreCodes(b, target.scratch, After(target.values, first * 4), scale);
    for (std::int32_t d = 0; d < 16; ++d) {
      b.Store8({slot, (first + d) * KvLayout::kBlockTokens}, b.Load8(After(target.scratch, d)));
    }
  }
}

void StoreValueHead(Builder& b, const HeadTarget& target, const KvLayout& kv) {
  const Vec scale = HeadScale(b, target.values, kv.head_dim);
  StoreScale(b, scale, target, kv);
  const Scalar slot = SlotAddress(b, target.slot, target.cache, kv, kv.head_dim);
  for (std::int32_t d = 0; d < kv.head_dim; d += 16) {
    StoreCodes(b, {slot, d}, After(target.values, d * 4), scale);
  }
}

MaximumConstants MakeMaximumConstants(Builder& b) {
  return {.zero = b.Const(0.0f),
          .sixteen = b.Const(16.0f),
          .lowest = b.Const(std::numeric_limits<float>::lowest()),
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
  // Zero times what is infinite or no number is no number.
  const Vec finite = b.Mul(masked[0], k.zero);
  b.BinaryTo(Op::kAdd, finite, finite, b.Mul(masked[1], k.zero));
  lane(b.Unary(Op::kSumLanes, finite), 2 * target.part_bytes);
}

}  // namespace vivace::kernels
