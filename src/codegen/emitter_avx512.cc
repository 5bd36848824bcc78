// One row an operation: the instructions that it becomes on AVX-512 (F, BW, DQ, VL) with VNNI. A vector is
// one zmm register; zmm30 and zmm31 are scratch, k1 holds comparisons.
#include "codegen/assembler.h"

namespace vivace::codegen {
namespace {

using Xbyak::Address;
using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;

constexpr int kScratchA = 30;
constexpr int kScratchB = 31;

constexpr int kNearestEven = 8;     // vrndscaleps: round to nearest even, no inexact flag
constexpr int kF16NearestEven = 0;  // vcvtps2ph
constexpr int kLessOrderedQuiet = 0x11;
constexpr int kLessInt = 1;
constexpr int kGreaterInt = 6;  // vpcmpd: not less or equal
constexpr int kUnordered = 3;
constexpr int kZeroOrDenormal = 0x26;  // vfpclassps: a flushed denormal counts as zero
constexpr int kOrAnd = 0xf8;           // vpternlogd: d | (a & b)

class Avx512Assembler final : public Assembler {
 public:
  using Assembler::Assembler;

  Zmm V(int i) const { return Zmm(PhysicalVector(i)); }
  Address BroadcastMemory(int i) const { return ptr_b[S(i) + Immediate()]; }
  Xbyak::Tmm T(int i) const { return Xbyak::Tmm(Id(i)); }
  Address Rows(int base, int stride) const { return ptr[S(base) + S(stride) + Immediate()]; }
  std::uint8_t Shift() const { return static_cast<std::uint8_t>(Immediate()); }

  void Constant();
  void Iota();
  void MaskOfCount(int i);
  void LoadPartial();
  void StorePartial();
  void StoreU8();
  void StoreBf16();
  void DotBf16();
  void Reduce();

 protected:
  void BeginFunction(const Function&) override {}
  bool EmitVector() override;

 private:
  bool TargetHas(Op op) const;
  void StoreBf16ByIntegers();
  void DotBf16ByFma();
  void ReduceStep(const Xmm& d, const Xmm& a, const Xmm& b);
};

using A = Avx512Assembler;

constexpr VectorTable<A> kTable = {
    {Op::kConst, [](A& a) { a.Constant(); }},
    {Op::kIota, [](A& a) { a.Iota(); }},
    {Op::kSplat, [](A& a) { a.vpbroadcastd(a.V(0), a.S(1).cvt32()); }},
    {Op::kMove,
     [](A& a) {
       if (a.V(0).getIdx() != a.V(1).getIdx()) a.vmovaps(a.V(0), a.V(1));
     }},
    // Memory
    {Op::kLoad, [](A& a) { a.vmovups(a.V(0), a.Memory(1)); }},
    {Op::kLoadF16, [](A& a) { a.vcvtph2ps(a.V(0), a.Memory(1)); }},
    {Op::kLoadBf16,
     [](A& a) {
       a.vpmovzxwd(a.V(0), a.Memory(1));
       a.vpslld(a.V(0), a.V(0), 16);
     }},
    {Op::kLoadPartial, [](A& a) { a.LoadPartial(); }},
    {Op::kLoadU8, [](A& a) { a.vpmovzxbd(a.V(0), a.Memory(1)); }},
    {Op::kLoadS8, [](A& a) { a.vpmovsxbd(a.V(0), a.Memory(1)); }},
    {Op::kBroadcast, [](A& a) { a.vbroadcastss(a.V(0), a.Memory(1)); }},
    {Op::kStore, [](A& a) { a.vmovups(a.Memory(0), a.V(1)); }},
    {Op::kStoreF16, [](A& a) { a.vcvtps2ph(a.Memory(0), a.V(1), kF16NearestEven); }},
    {Op::kStoreBf16, [](A& a) { a.StoreBf16(); }},
    {Op::kStorePartial, [](A& a) { a.StorePartial(); }},
    {Op::kStoreU8, [](A& a) { a.StoreU8(); }},
    {Op::kPrefetch0, [](A& a) { a.prefetcht0(a.Memory(0)); }},
    {Op::kPrefetch1, [](A& a) { a.prefetcht1(a.Memory(0)); }},
    // f32
    {Op::kAdd, [](A& a) { a.vaddps(a.V(0), a.V(1), a.V(2)); }},
    {Op::kSub, [](A& a) { a.vsubps(a.V(0), a.V(1), a.V(2)); }},
    {Op::kMul, [](A& a) { a.vmulps(a.V(0), a.V(1), a.V(2)); }},
    {Op::kDiv, [](A& a) { a.vdivps(a.V(0), a.V(1), a.V(2)); }},
    {Op::kMin, [](A& a) { a.vminps(a.V(0), a.V(1), a.V(2)); }},
    {Op::kMax, [](A& a) { a.vmaxps(a.V(0), a.V(1), a.V(2)); }},
    {Op::kSqrt, [](A& a) { a.vsqrtps(a.V(0), a.V(1)); }},
    {Op::kFma, [](A& a) { a.vfmadd231ps(a.V(0), a.V(1), a.V(2)); }},
    {Op::kFnma, [](A& a) { a.vfnmadd231ps(a.V(0), a.V(1), a.V(2)); }},
    {Op::kFmaBroadcast, [](A& a) { a.vfmadd231ps(a.V(0), a.V(1), a.BroadcastMemory(2)); }},
    {Op::kMulBroadcast, [](A& a) { a.vmulps(a.V(0), a.V(1), a.BroadcastMemory(2)); }},
    {Op::kRound, [](A& a) { a.vrndscaleps(a.V(0), a.V(1), kNearestEven); }},
    {Op::kToInt, [](A& a) { a.vcvtps2dq(a.V(0), a.V(1)); }},
    {Op::kToFloat, [](A& a) { a.vcvtdq2ps(a.V(0), a.V(1)); }},
    {Op::kSumLanes, [](A& a) { a.Reduce(); }},
    {Op::kMaxLanes, [](A& a) { a.Reduce(); }},
    {Op::kMinLanes, [](A& a) { a.Reduce(); }},
    {Op::kSelectLess,
     [](A& a) {
       a.vcmpps(a.k1, a.V(1), a.V(2), kLessOrderedQuiet);
       a.vblendmps(a.V(0) | a.k1, a.V(4), a.V(3));
     }},
    {Op::kSelectLessInt,
     [](A& a) {
       a.vpcmpd(a.k1, a.V(1), a.V(2), kLessInt);
       a.vpblendmd(a.V(0) | a.k1, a.V(4), a.V(3));
     }},
    // i32 and bits
    {Op::kAddInt, [](A& a) { a.vpaddd(a.V(0), a.V(1), a.V(2)); }},
    {Op::kSubInt, [](A& a) { a.vpsubd(a.V(0), a.V(1), a.V(2)); }},
    {Op::kMulInt, [](A& a) { a.vpmulld(a.V(0), a.V(1), a.V(2)); }},
    {Op::kAnd, [](A& a) { a.vpandd(a.V(0), a.V(1), a.V(2)); }},
    {Op::kOr, [](A& a) { a.vpord(a.V(0), a.V(1), a.V(2)); }},
    {Op::kXor, [](A& a) { a.vpxord(a.V(0), a.V(1), a.V(2)); }},
    {Op::kShiftLeft, [](A& a) { a.vpslld(a.V(0), a.V(1), a.Shift()); }},
    {Op::kShiftRight, [](A& a) { a.vpsrld(a.V(0), a.V(1), a.Shift()); }},
    {Op::kShiftRightArithmetic, [](A& a) { a.vpsrad(a.V(0), a.V(1), a.Shift()); }},
    {Op::kOrAnd, [](A& a) { a.vpternlogd(a.V(0), a.V(1), a.V(2), kOrAnd); }},
    // Dot products
    {Op::kDot4, [](A& a) { a.vpdpbusd(a.V(0), a.V(1), a.V(2)); }},
    {Op::kDot4Narrow, [](A& a) { a.vpdpbusd(a.V(0), a.V(1), a.V(2)); }},
    {Op::kDot2, [](A& a) { a.vpdpwssd(a.V(0), a.V(1), a.V(2)); }},
    {Op::kDot2Broadcast, [](A& a) { a.vpdpwssd(a.V(0), a.V(1), a.BroadcastMemory(2)); }},
    {Op::kDotBf16, [](A& a) { a.DotBf16(); }},
    {Op::kDotBf16Broadcast, [](A& a) { a.DotBf16(); }},
    // Tiles; a scalar register is the index of the address and so the stride
    {Op::kTileConfigure, [](A& a) { a.ldtilecfg(a.Memory(0)); }},
    {Op::kTileRelease, [](A& a) { a.tilerelease(); }},
    {Op::kTileZero, [](A& a) { a.tilezero(a.T(0)); }},
    {Op::kTileLoad, [](A& a) { a.tileloadd(a.T(0), a.Rows(1, 2)); }},
    {Op::kTileStore, [](A& a) { a.tilestored(a.Rows(0, 2), a.T(1)); }},
    {Op::kTileDot4, [](A& a) { a.tdpbusd(a.T(0), a.T(1), a.T(2)); }},
    {Op::kTileDotBf16, [](A& a) { a.tdpbf16ps(a.T(0), a.T(1), a.T(2)); }},
};

bool Avx512Assembler::TargetHas(Op op) const {
  if (op == Op::kTileDot4) return target().amx_int8;
  if (op == Op::kTileDotBf16) return target().amx_bf16;
  return !IsTileOp(op) || target().amx_int8 || target().amx_bf16;
}

bool Avx512Assembler::EmitVector() {
  if (!TargetHas(op())) return false;
  const auto emit = kTable[op()];
  if (emit != nullptr) emit(*this);
  return emit != nullptr;
}

void Avx512Assembler::Constant() {
  if (Bits() == 0) return vpxord(V(0), V(0), V(0));
  vbroadcastss(V(0), PoolMemory());
  UsePool(PoolKind::kWord, Bits());
}

void Avx512Assembler::Iota() {
  vpmovzxbd(V(0), PoolMemory());
  UsePool(PoolKind::kLanes);
}

// k1 = the lanes below the count in scalar operand i. A count under 0 or over 16 needs no care.
void Avx512Assembler::MaskOfCount(int i) {
  vpbroadcastd(Zmm(kScratchA), S(i).cvt32());
  vpmovzxbd(Zmm(kScratchB), PoolMemory());
  UsePool(PoolKind::kLanes);
  vpcmpd(k1, Zmm(kScratchA), Zmm(kScratchB), kGreaterInt);
}

// Lanes outside the mask raise no fault.
void Avx512Assembler::LoadPartial() {
  MaskOfCount(2);
  vmovups(V(0) | k1 | T_z, Memory(1));
}

void Avx512Assembler::StorePartial() {
  MaskOfCount(2);
  vmovups(Memory(0) | k1, V(1));
}

void Avx512Assembler::StoreBf16() {
  if (!target().bf16) return StoreBf16ByIntegers();
  vcvtneps2bf16(Ymm(kScratchA), V(1));
  vmovups(Memory(0), Ymm(kScratchA));
}

// Half of the last place, less one when the bit above is even, is added before the cut; NaN and denormals go
// their own way under k1.
void Avx512Assembler::StoreBf16ByIntegers() {
  const Zmm a(kScratchA);
  const Zmm b(kScratchB);
  const auto constant = [this](std::uint32_t bits) {
    vbroadcastss(Zmm(kScratchB), PoolMemory());
    UsePool(PoolKind::kWord, bits);
  };
  vpslld(a, V(1), 15);
  vpsrld(a, a, 31);  // the bit above the cut
  constant(0x7fff);
  vpaddd(a, a, b);
  vpaddd(a, a, V(1));
  vcmpps(k1, V(1), V(1), kUnordered);
  constant(0x00400000);
  vpord(a | k1, V(1), b);
  vfpclassps(k1, V(1), kZeroOrDenormal);
  constant(0x80000000);
  vpandd(a | k1, V(1), b);
  vpsrld(a, a, 16);
  vpmovdw(Memory(0), a);
}

void Avx512Assembler::DotBf16() {
  if (!target().bf16) return DotBf16ByFma();
  if (op() == Op::kDotBf16) return vdpbf16ps(V(0), V(1), V(2));
  vdpbf16ps(V(0), V(1), BroadcastMemory(2));
}

// The same two fused steps: the odd halves, then the even ones. Shifts clear the other half. The sum moves to
// a scratch register meanwhile, as the destination may be a source, too. Of two NaN factors vfmadd213ps
// passes on its second operand: that must be a's.
void Avx512Assembler::DotBf16ByFma() {
  const Zmm a(kScratchA);
  const Zmm sum(kScratchB);
  const auto second = [&](const Zmm& room) {
    if (op() == Op::kDotBf16) return V(2);
    vpbroadcastd(room, Memory(2));
    return room;
  };
  vpsrld(sum, second(sum), 16);
  vpslld(sum, sum, 16);
  vpsrld(a, V(1), 16);
  vpslld(a, a, 16);
  vfmadd213ps(sum, a, V(0));
  vpslld(a, V(1), 16);
  vpslld(V(0), second(V(0)), 16);
  vfmadd213ps(V(0), a, sum);
}

// Values are signed, the saturating store takes unsigned ones: negative values first become zero.
void Avx512Assembler::StoreU8() {
  vpxord(Zmm(kScratchB), Zmm(kScratchB), Zmm(kScratchB));
  vpmaxsd(Zmm(kScratchA), V(1), Zmm(kScratchB));
  vpmovusdb(Memory(0), Zmm(kScratchA));
}

void Avx512Assembler::ReduceStep(const Xmm& d, const Xmm& a, const Xmm& b) {
  if (op() == Op::kSumLanes) return vaddps(d, a, b);
  if (op() == Op::kMaxLanes) return vmaxps(d, a, b);
  vminps(d, a, b);
}

// Halves the vector four times: lanes i and i+8, i+4, i+2, i+1; then lane 0 to all.
void Avx512Assembler::Reduce() {
  constexpr int kSwapHalves = 0x4e;      // lanes 2 3 0 1
  constexpr int kSwapNeighbours = 0xb1;  // lanes 1 0 3 2
  const Xmm low(kScratchA);
  const Xmm high(kScratchB);
  vextractf32x8(Ymm(kScratchA), V(1), 1);
  ReduceStep(Ymm(kScratchA), Ymm(V(1).getIdx()), Ymm(kScratchA));
  vextractf32x4(high, Ymm(kScratchA), 1);
  ReduceStep(low, low, high);
  vpshufd(high, low, kSwapHalves);
  ReduceStep(low, low, high);
  vpshufd(high, low, kSwapNeighbours);
  ReduceStep(low, low, high);
  vbroadcastss(V(0), low);
}

}  // namespace

std::unique_ptr<Assembler> MakeAvx512Assembler(std::byte* buffer, std::size_t size) {
  return std::make_unique<Avx512Assembler>(buffer, size);
}

}  // namespace vivace::codegen
