// The operation table and Builder. See vir.h.
#include "codegen/vir.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

namespace vivace::codegen {
namespace {

constexpr OpRow kRows[] = {
#define VIR_OP(id, text, pattern) {Op::id, text, pattern},
#include "codegen/vir_ops.def"
#undef VIR_OP
};

}  // namespace

const OpRow& Row(Op op) {
  return kRows[static_cast<std::size_t>(op)];
}

void Builder::Append(Op op, std::initializer_list<std::uint16_t> operands, std::int64_t immediate) {
  Instruction& instruction = function_.code.emplace_back();
  instruction.op = op;
  instruction.immediate = immediate;
  std::copy(operands.begin(), operands.end(), instruction.operands);
}

// Constants

Vec Builder::ConstBits(std::uint32_t bits) {
  const Vec d = NewVec();
  Append(Op::kConst, {d.id}, bits);
  return d;
}

void Builder::ConstTo(Vec d, float value) {
  Append(Op::kConst, {d.id}, std::bit_cast<std::uint32_t>(value));
}

Vec Builder::Iota() {
  const Vec d = NewVec();
  Append(Op::kIota, {d.id});
  return d;
}

Vec Builder::Splat(Scalar s) {
  const Vec d = NewVec();
  Append(Op::kSplat, {d.id, s.id});
  return d;
}

void Builder::MoveTo(Vec d, Vec a) {
  Append(Op::kMove, {d.id, a.id});
}

// Memory

Vec Builder::Load(Mem m) {
  const Vec d = NewVec();
  LoadTo(d, m);
  return d;
}

Vec Builder::LoadF16(Mem m) {
  const Vec d = NewVec();
  LoadF16To(d, m);
  return d;
}

Vec Builder::LoadBf16(Mem m) {
  const Vec d = NewVec();
  LoadBf16To(d, m);
  return d;
}

Vec Builder::LoadPartial(Mem m, Scalar n) {
  const Vec d = NewVec();
  Append(Op::kLoadPartial, {d.id, m.base.id, n.id}, m.offset);
  return d;
}

Vec Builder::LoadU8(Mem m) {
  const Vec d = NewVec();
  Append(Op::kLoadU8, {d.id, m.base.id}, m.offset);
  return d;
}

Vec Builder::LoadS8(Mem m) {
  const Vec d = NewVec();
  Append(Op::kLoadS8, {d.id, m.base.id}, m.offset);
  return d;
}

Vec Builder::Broadcast(Mem m) {
  const Vec d = NewVec();
  BroadcastTo(d, m);
  return d;
}

void Builder::LoadTo(Vec d, Mem m) {
  Append(Op::kLoad, {d.id, m.base.id}, m.offset);
}
void Builder::LoadF16To(Vec d, Mem m) {
  Append(Op::kLoadF16, {d.id, m.base.id}, m.offset);
}
void Builder::LoadBf16To(Vec d, Mem m) {
  Append(Op::kLoadBf16, {d.id, m.base.id}, m.offset);
}
void Builder::BroadcastTo(Vec d, Mem m) {
  Append(Op::kBroadcast, {d.id, m.base.id}, m.offset);
}
void Builder::Store(Mem m, Vec v) {
  Append(Op::kStore, {m.base.id, v.id}, m.offset);
}
void Builder::StoreF16(Mem m, Vec v) {
  Append(Op::kStoreF16, {m.base.id, v.id}, m.offset);
}
void Builder::StoreBf16(Mem m, Vec v) {
  Append(Op::kStoreBf16, {m.base.id, v.id}, m.offset);
}
void Builder::StorePartial(Mem m, Vec v, Scalar n) {
  Append(Op::kStorePartial, {m.base.id, v.id, n.id}, m.offset);
}
void Builder::StoreU8(Mem m, Vec v) {
  Append(Op::kStoreU8, {m.base.id, v.id}, m.offset);
}
void Builder::Prefetch0(Mem m) {
  Append(Op::kPrefetch0, {m.base.id}, m.offset);
}
void Builder::Prefetch1(Mem m) {
  Append(Op::kPrefetch1, {m.base.id}, m.offset);
}

// Vector arithmetic

Vec Builder::Binary(Op op, Vec a, Vec b) {
  const Vec d = NewVec();
  BinaryTo(op, d, a, b);
  return d;
}

void Builder::BinaryTo(Op op, Vec d, Vec a, Vec b) {
  Append(op, {d.id, a.id, b.id});
}

Vec Builder::Unary(Op op, Vec a) {
  const Vec d = NewVec();
  UnaryTo(op, d, a);
  return d;
}

void Builder::UnaryTo(Op op, Vec d, Vec a) {
  Append(op, {d.id, a.id});
}

Vec Builder::ShiftLeft(Vec a, int bits) {
  const Vec d = NewVec();
  Append(Op::kShiftLeft, {d.id, a.id}, bits);
  return d;
}

Vec Builder::ShiftRight(Vec a, int bits) {
  const Vec d = NewVec();
  ShiftRightTo(d, a, bits);
  return d;
}

void Builder::ShiftRightTo(Vec d, Vec a, int bits) {
  Append(Op::kShiftRight, {d.id, a.id}, bits);
}

Vec Builder::ShiftRightArithmetic(Vec a, int bits) {
  const Vec d = NewVec();
  ShiftRightArithmeticTo(d, a, bits);
  return d;
}

void Builder::ShiftRightArithmeticTo(Vec d, Vec a, int bits) {
  Append(Op::kShiftRightArithmetic, {d.id, a.id}, bits);
}

Vec Builder::MulBroadcast(Vec a, Mem m) {
  const Vec d = NewVec();
  Append(Op::kMulBroadcast, {d.id, a.id, m.base.id}, m.offset);
  return d;
}

Vec Builder::SelectLess(Vec a, Vec b, Vec x, Vec y) {
  const Vec d = NewVec();
  Append(Op::kSelectLess, {d.id, a.id, b.id, x.id, y.id});
  return d;
}

Vec Builder::SelectLessInt(Vec a, Vec b, Vec x, Vec y) {
  const Vec d = NewVec();
  Append(Op::kSelectLessInt, {d.id, a.id, b.id, x.id, y.id});
  return d;
}

void Builder::Fma(Vec d, Vec a, Vec b) {
  Append(Op::kFma, {d.id, a.id, b.id});
}
void Builder::Fnma(Vec d, Vec a, Vec b) {
  Append(Op::kFnma, {d.id, a.id, b.id});
}
void Builder::FmaBroadcast(Vec d, Vec a, Mem m) {
  Append(Op::kFmaBroadcast, {d.id, a.id, m.base.id}, m.offset);
}
void Builder::Dot4(Vec d, Vec u8, Vec s8) {
  Append(Op::kDot4, {d.id, u8.id, s8.id});
}
void Builder::Dot4Narrow(Vec d, Vec u8, Vec s8) {
  Append(Op::kDot4Narrow, {d.id, u8.id, s8.id});
}
void Builder::OrAnd(Vec d, Vec a, Vec b) {
  Append(Op::kOrAnd, {d.id, a.id, b.id});
}
void Builder::DotBf16(Vec d, Vec a, Vec b) {
  Append(Op::kDotBf16, {d.id, a.id, b.id});
}
void Builder::DotBf16Broadcast(Vec d, Vec a, Mem m) {
  Append(Op::kDotBf16Broadcast, {d.id, a.id, m.base.id}, m.offset);
}
void Builder::Dot2(Vec d, Vec a, Vec b) {
  Append(Op::kDot2, {d.id, a.id, b.id});
}
void Builder::Dot2Broadcast(Vec d, Vec a, Mem m) {
  Append(Op::kDot2Broadcast, {d.id, a.id, m.base.id}, m.offset);
}

// Tiles

void Builder::TileConfigure(Mem config) {
  Append(Op::kTileConfigure, {config.base.id}, config.offset);
}
void Builder::TileRelease() {
  Append(Op::kTileRelease, {});
}
void Builder::TileZero(Tile d) {
  Append(Op::kTileZero, {d.id});
}
void Builder::TileLoad(Tile d, Mem m, Scalar stride) {
  Append(Op::kTileLoad, {d.id, m.base.id, stride.id}, m.offset);
}
void Builder::TileStore(Mem m, Tile v, Scalar stride) {
  Append(Op::kTileStore, {m.base.id, v.id, stride.id}, m.offset);
}
void Builder::TileDot4(Tile d, Tile u8, Tile s8) {
  Append(Op::kTileDot4, {d.id, u8.id, s8.id});
}
void Builder::TileDotBf16(Tile d, Tile a, Tile b) {
  Append(Op::kTileDotBf16, {d.id, a.id, b.id});
}

// Scalars

Scalar Builder::Arg(int index) {
  const Scalar d = NewScalar();
  Append(Op::kArg, {d.id}, index);
  return d;
}

Scalar Builder::ScalarConst(std::int64_t value) {
  const Scalar d = NewScalar();
  Append(Op::kScalarConst, {d.id}, value);
  return d;
}

Scalar Builder::Copy(Scalar s) {
  const Scalar d = NewScalar();
  CopyTo(d, s);
  return d;
}

void Builder::CopyTo(Scalar d, Scalar s) {
  Append(Op::kScalarMove, {d.id, s.id});
}

Scalar Builder::Load64(Mem m) {
  const Scalar d = NewScalar();
  Append(Op::kScalarLoad64, {d.id, m.base.id}, m.offset);
  return d;
}

Scalar Builder::Load32(Mem m) {
  const Scalar d = NewScalar();
  Append(Op::kScalarLoad32, {d.id, m.base.id}, m.offset);
  return d;
}

Scalar Builder::Load16(Mem m) {
  const Scalar d = NewScalar();
  Append(Op::kScalarLoad16, {d.id, m.base.id}, m.offset);
  return d;
}

Scalar Builder::Load8(Mem m) {
  const Scalar d = NewScalar();
  Append(Op::kScalarLoad8, {d.id, m.base.id}, m.offset);
  return d;
}

void Builder::Store64(Mem m, Scalar s) {
  Append(Op::kScalarStore64, {m.base.id, s.id}, m.offset);
}
void Builder::Store32(Mem m, Scalar s) {
  Append(Op::kScalarStore32, {m.base.id, s.id}, m.offset);
}
void Builder::Store16(Mem m, Scalar s) {
  Append(Op::kScalarStore16, {m.base.id, s.id}, m.offset);
}
void Builder::Store8(Mem m, Scalar s) {
  Append(Op::kScalarStore8, {m.base.id, s.id}, m.offset);
}

Scalar Builder::ScalarAdd(Scalar a, Scalar b) {
  const Scalar d = NewScalar();
  Append(Op::kScalarAdd, {d.id, a.id, b.id});
  return d;
}

Scalar Builder::ScalarSub(Scalar a, Scalar b) {
  const Scalar d = NewScalar();
  Append(Op::kScalarSub, {d.id, a.id, b.id});
  return d;
}

Scalar Builder::ScalarMin(Scalar a, Scalar b) {
  const Scalar d = NewScalar();
  Append(Op::kScalarMin, {d.id, a.id, b.id});
  return d;
}

Scalar Builder::ScalarMax(Scalar a, Scalar b) {
  const Scalar d = NewScalar();
  Append(Op::kScalarMax, {d.id, a.id, b.id});
  return d;
}

Scalar Builder::AddImm(Scalar a, std::int64_t value) {
  const Scalar d = NewScalar();
  Append(Op::kScalarAddImm, {d.id, a.id}, value);
  return d;
}

Scalar Builder::MulImm(Scalar a, std::int64_t value) {
  const Scalar d = NewScalar();
  Append(Op::kScalarMulImm, {d.id, a.id}, value);
  return d;
}

Scalar Builder::ShiftLeft(Scalar a, int bits) {
  const Scalar d = NewScalar();
  Append(Op::kScalarShiftLeft, {d.id, a.id}, bits);
  return d;
}

Scalar Builder::ShiftRight(Scalar a, int bits) {
  const Scalar d = NewScalar();
  Append(Op::kScalarShiftRight, {d.id, a.id}, bits);
  return d;
}

Scalar Builder::AndImm(Scalar a, std::int64_t value) {
  const Scalar d = NewScalar();
  Append(Op::kScalarAndImm, {d.id, a.id}, value);
  return d;
}

void Builder::Bump(Scalar s, std::int64_t bytes) {
  Append(Op::kScalarAddImm, {s.id, s.id}, bytes);
}
void Builder::BumpBy(Scalar s, Scalar bytes) {
  Append(Op::kScalarAdd, {s.id, s.id, bytes.id});
}

// Control

void Builder::Loop(Scalar count) {
  Append(Op::kLoop, {count.id});
}
void Builder::End() {
  Append(Op::kEnd, {});
}

}  // namespace vivace::codegen
