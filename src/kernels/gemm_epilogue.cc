#include "kernels/gemm_epilogue.h"

#include <array>
#include <bit>
#include <string>

#include "kernels/math_builders.h"
#include "kernels/quantize_builders.h"

namespace vivace::kernels {

using codegen::Builder;
using codegen::Function;
using codegen::Mem;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using tensor::KvLayout;
using tensor::QuantizedRows;

namespace {

constexpr std::int32_t kVectorBytes = 64;
constexpr std::int32_t kUnitRowBytes = 128;  // 32 floats

using Pair = std::array<Vec, 2>;

Pair LoadPair(Builder& b, Scalar base, std::int32_t offset = 0) {
  return {b.Load({base, offset}), b.Load({base, offset + kVectorBytes})};
}

// The pair times the row's norm factor.
Pair LoadScaled(Builder& b, Scalar base, std::int32_t offset, Scalar row_scale) {
  Pair pair = LoadPair(b, base, offset);
  for (Vec& v : pair) v = b.MulBroadcast(v, {row_scale, 0});
  return pair;
}

void StorePair(Builder& b, Scalar base, const Pair& pair) {
  for (int v = 0; v < 2; ++v) b.Store({base, v * kVectorBytes}, pair[v]);
}

QuantizeTarget Target(const QuantizedRows& rows, Scalar bytes, Scalar parameters, Scalar scratch) {
  return {.bytes = {bytes, 0},
          .parameters = {parameters, 0},
          .word_distance = rows.word_offset() - rows.scale_offset(),
          .sum_distance = rows.sum_offset() - rows.scale_offset(),
          .scratch = {scratch, 0}};
}

// Partial squares of a unit of x, and x * norm weight quantised: shared by the residual epilogue and the
// embedding.
void FinishResidual(Builder& b, const QuantizeConstants& constants, const Pair& x, const Pair& norm,
                    Mem squares, const QuantizeTarget& target) {
  Vec square = b.Mul(x[0], x[0]);
  b.Fma(square, x[1], x[1]);
  b.Store(target.scratch, b.Unary(Op::kSumLanes, square));
  b.Store32(squares, b.Load32(target.scratch));
  QuantizeGroup(b, constants, b.Mul(x[0], norm[0]), b.Mul(x[1], norm[1]), target);
}

}  // namespace

Function BuildResidualQuant(int hidden) {
  Builder b("residual_quant_" + std::to_string(hidden));
  const QuantizedRows rows{hidden};
  const Scalar c = b.Arg(kResult), x = b.Arg(kOutput), bytes = b.Arg(kQuantized),
               parameters = b.Arg(kParameters);
  const Scalar squares = b.Arg(kSquares), scratch = b.Arg(kLaneScratch);
  const Pair norm = LoadPair(b, b.Arg(kNormWeight));
  const QuantizeConstants constants = MakeQuantizeConstants(b);
  b.Loop(b.Arg(kRows));
  const Pair y = LoadPair(b, c);
  Pair sum = LoadPair(b, x);
  for (int v = 0; v < 2; ++v) b.BinaryTo(Op::kAdd, sum[v], sum[v], y[v]);
  StorePair(b, x, sum);
  FinishResidual(b, constants, sum, norm, {squares, 0}, Target(rows, bytes, parameters, scratch));
  b.Bump(c, kUnitRowBytes);
  b.Bump(x, hidden * 4);
  b.Bump(bytes, rows.row_stride());
  b.Bump(parameters, rows.row_stride());
  b.Bump(squares, SquareStride(hidden) * 4);
  b.End();
  return b.Take();
}

Function BuildRowQuant(int hidden) {
  Builder b("row_quant_" + std::to_string(hidden));
  const QuantizedRows rows{hidden};
  const Scalar x = b.Arg(kOutput), bytes = b.Arg(kQuantized), parameters = b.Arg(kParameters);
  const Scalar squares = b.Arg(kSquares), scratch = b.Arg(kLaneScratch), norm = b.Arg(kNormWeight);
  const QuantizeConstants constants = MakeQuantizeConstants(b);
  b.Loop(rows.groups());
  FinishResidual(b, constants, LoadPair(b, x), LoadPair(b, norm), {squares, 0},
                 Target(rows, bytes, parameters, scratch));
  b.Bump(x, kUnitRowBytes);
  b.Bump(norm, kUnitRowBytes);
  b.Bump(bytes, QuantizedRows::kGroup);
  b.Bump(parameters, 4);
  b.Bump(squares, 4);
  b.End();
  return b.Take();
}

Function BuildSiluMulQuant(int output_k) {
  Builder b("silu_mul_quant_" + std::to_string(output_k));
  const QuantizedRows rows{output_k};
  const Scalar c = b.Arg(kResult), row_scale = b.Arg(kRowScale), bytes = b.Arg(kOutput),
               parameters = b.Arg(kParameters);
  const Scalar scratch = b.Arg(kLaneScratch);
  const QuantizeConstants constants = MakeQuantizeConstants(b);
  const ExpConstants exp = MakeExpConstants(b);
  b.Loop(b.Arg(kRows));
  const Pair gate = LoadScaled(b, c, 0, row_scale);
  const Pair up = LoadScaled(b, c, kUnitRowBytes, row_scale);
  Pair out{};
  for (int v = 0; v < 2; ++v) out[v] = b.Mul(Silu(b, exp, gate[v]), up[v]);
  QuantizeGroup(b, constants, out[0], out[1], Target(rows, bytes, parameters, scratch));
  b.Bump(c, 2 * kUnitRowBytes);
  b.Bump(row_scale, 4);
  b.Bump(bytes, rows.row_stride());
  b.Bump(parameters, rows.row_stride());
  b.End();
  return b.Take();
}

Function BuildLogits(int n) {
  Builder b("logits_" + std::to_string(n));
  const Scalar c = b.Arg(kResult), row_scale = b.Arg(kRowScale), out = b.Arg(kOutput);
  b.Loop(b.Arg(kRows));
  StorePair(b, out, LoadScaled(b, c, 0, row_scale));
  b.Bump(c, kUnitRowBytes);
  b.Bump(row_scale, 4);
  b.Bump(out, n * 4);
  b.End();
  return b.Take();
}

namespace {

// Rotates the lane-aligned pairs (x[0], x[1]) by the angles of the row's position.
Pair Rotate(Builder& b, const Pair& x, Scalar position, Scalar table, int head_dim) {
  const Scalar row = b.ScalarAdd(b.MulImm(b.Load32({position, 0}), head_dim * 4), table);
  const Vec cosine = b.Load({row, 0});
  const Vec sine = b.Load({row, head_dim * 2});
  const Pair rotated = {b.Mul(x[0], cosine), b.Mul(x[0], sine)};
  b.Fnma(rotated[0], x[1], sine);
  b.Fma(rotated[1], x[1], cosine);
  return rotated;
}

void StoreElements(Builder& b, Scalar base, const Pair& pair, const KvLayout& kv) {
  for (int v = 0; v < 2; ++v) {
    const Mem target = {base, v * 16 * kv.element_bytes()};
    if (kv.type == tensor::DType::kF16) {
      b.StoreF16(target, pair[v]);
    } else {
      b.Store(target, pair[v]);
    }
  }
}

// Address of the row's slot: block stride and in-block stride applied to the cache pointer.
Scalar SlotAddress(Builder& b, Scalar slot, Scalar cache, const KvLayout& kv, int slot_bytes) {
  const Scalar number = b.Load32({slot, 0});
  const Scalar block = b.MulImm(b.ShiftRight(number, 4), static_cast<std::int64_t>(kv.block_stride()));
  const Scalar in_block = b.MulImm(b.AndImm(number, KvLayout::kBlockTokens - 1), slot_bytes);
  return b.ScalarAdd(b.ScalarAdd(block, in_block), cache);
}

// Scatters 32 dims to the transposed K block: one element a dim, 16 positions apart.
void StoreKey(Builder& b, const Pair& x, Scalar slot, Scalar cache, Scalar scratch, const KvLayout& kv) {
  StoreElements(b, scratch, x, kv);
  const std::int32_t element = kv.element_bytes();
  const Scalar target = SlotAddress(b, slot, cache, kv, element);
  for (std::int32_t d = 0; d < tensor::PanelLayout::kUnitColumns; ++d) {
    const Mem from = {scratch, d * element};
    const Mem to = {target, d * element * KvLayout::kBlockTokens};
    if (element == 2) {
      b.Store16(to, b.Load16(from));
    } else {
      b.Store32(to, b.Load32(from));
    }
  }
}

std::string QkvName(QkvPart part, int heads, const KvLayout& kv) {
  const char* names[] = {"qkv_query", "qkv_key", "qkv_value"};
  return std::string(names[static_cast<int>(part)]) + "_h" + std::to_string(heads) + "_kv" +
         std::to_string(kv.kv_heads) + "_d" + std::to_string(kv.head_dim) + "_" +
         std::string(tensor::Row(kv.type).name);
}

}  // namespace

Function BuildQkv(QkvPart part, int heads, const KvLayout& kv) {
  Builder b(QkvName(part, heads, kv));
  const bool rotates = part != QkvPart::kValue, caches = part != QkvPart::kQuery;
  const Scalar c = b.Arg(kResult), row_scale = b.Arg(kRowScale), scratch = b.Arg(kLaneScratch);
  const Scalar position = b.Arg(kPositions), table = b.Arg(kRopeTable);
  const Scalar slot = b.Arg(kSlots), target = b.Arg(caches ? kCache : kOutput);
  b.Loop(b.Arg(kRows));
  Pair x = LoadScaled(b, c, 0, row_scale);
  if (rotates) x = Rotate(b, x, position, table, kv.head_dim);
  if (part == QkvPart::kQuery) StorePair(b, target, x);
  if (part == QkvPart::kKey) StoreKey(b, x, slot, target, scratch, kv);
  if (part == QkvPart::kValue)
    StoreElements(b, SlotAddress(b, slot, target, kv, kv.head_dim * kv.element_bytes()), x, kv);
  b.Bump(c, kUnitRowBytes);
  b.Bump(row_scale, 4);
  if (rotates) b.Bump(position, 4);
  if (caches) b.Bump(slot, 4);
  if (part == QkvPart::kQuery) b.Bump(target, static_cast<std::int64_t>(heads) * kv.head_dim * 4);
  b.End();
  return b.Take();
}

Function BuildRowScale(int hidden, float eps) {
  // eps is part of the kernel: its bits are part of the name.
  Builder b("row_scale_" + std::to_string(hidden) + "_" + std::to_string(std::bit_cast<std::uint32_t>(eps)));
  const Scalar squares = b.Arg(kScaleSquares), count = b.Arg(kScaleRows), result = b.Arg(kScaleResult);
  // Sums first. All lanes of a sum are equal: each store also writes the 15 entries that follow, which later
  // rows overwrite.
  const Scalar sum = b.Copy(result);
  const int stride = SquareStride(hidden);
  b.Loop(count);
  const Vec total = b.Load({squares, 0});
  for (int i = 16; i < stride; i += 16) b.BinaryTo(Op::kAdd, total, total, b.Load({squares, i * 4}));
  b.Store({sum, 0}, b.Unary(Op::kSumLanes, total));
  b.Bump(squares, stride * 4);
  b.Bump(sum, 4);
  b.End();
  // Then 16 rows at a time.
  const Vec mean = b.Const(1.0f / static_cast<float>(hidden)), offset = b.Const(eps), one = b.Const(1.0f);
  b.Loop(b.ShiftRight(b.AddImm(count, 15), 4));
  const Vec variance = b.NewVec();
  b.MoveTo(variance, offset);
  b.Fma(variance, b.Load({result, 0}), mean);
  b.Store({result, 0}, ReciprocalSqrt(b, one, variance));
  b.Bump(result, kVectorBytes);
  b.End();
  return b.Take();
}

}  // namespace vivace::kernels
