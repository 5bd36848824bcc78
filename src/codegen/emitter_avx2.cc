// One row an operation: the instructions that it becomes on AVX2 with FMA and F16C, in VEX encodings only
// (but for VNNI where the CPU has it in AVX-512's). A vector is two ymm registers, lanes 0 to 7 and 8 to 15;
// ymm14 and ymm15 are scratch. Constants that are never rewritten have no register: they are memory operands,
// or loaded into scratch where an instruction wants a register. Most rows do one half after the other: the
// half of a destination may be that of a source, so that each half reads its sources before it writes.
#include "codegen/assembler.h"

namespace vivace::codegen {
namespace {

using Xbyak::Xmm;
using Xbyak::Ymm;

constexpr int kScratchA = 14;
constexpr int kScratchB = 15;
constexpr int kHalfBytes = 32;
constexpr int kSpillBytes = 32;  // under the stack pointer, where a leaf function may write

constexpr int kNearestEven = 8;  // vroundps: round to nearest even, no inexact flag
constexpr int kF16NearestEven = 0;
constexpr int kLessOrderedQuiet = 0x11;

class Avx2Assembler final : public Assembler {
 public:
  Avx2Assembler(std::byte* buffer, std::size_t size) : Assembler(buffer, size) {}

  const Ymm a_{kScratchA};
  const Ymm b_{kScratchB};

  bool InMemory(int i) const { return PhysicalVector(i) == kInMemory; }
  Ymm Half(int i, int half) const { return Ymm(2 * PhysicalVector(i) + half); }
  Xmm LowXmm(int i) const { return Xmm(2 * PhysicalVector(i)); }
  std::uint8_t Shift() const { return static_cast<std::uint8_t>(Immediate()); }
  bool DestinationIsSource() const {
    return PhysicalVector(0) == PhysicalVector(1) || PhysicalVector(0) == PhysicalVector(2);
  }

  // The half of an operand in a register: its own, or `scratch` with the constant.
  Ymm Register(int i, int half, const Ymm& scratch) {
    if (!InMemory(i)) return Half(i, half);
    const std::uint32_t bits = constants_[Id(i)];
    if (bits == 0) {
      vxorps(scratch, scratch, scratch);
    } else {
      vmovaps(scratch, PoolMemory());
      UsePool(PoolKind::kWide, bits);
    }
    return scratch;
  }
  // The same where `scratch` still has the constant when the second half comes.
  Ymm KeptRegister(int i, int half, const Ymm& scratch) {
    return half == 1 && InMemory(i) ? scratch : Register(i, half, scratch);
  }
  // Calls emit(operand), which emits one instruction, with the half of an operand as its last source,
  // register or memory; `trailing`: bytes of the instruction after the address.
  template <class F>
  void Last(int i, int half, F emit, std::size_t trailing = 0) {
    if (!InMemory(i)) return emit(Half(i, half));
    emit(PoolMemory());
    UsePool(PoolKind::kWide, constants_[Id(i)], 0, trailing);
  }
  // The last source is a constant of the row itself.
  template <class F>
  void WithConstant(std::uint32_t bits, F emit) {
    emit(PoolMemory());
    UsePool(PoolKind::kWide, bits);
  }

  // d = instruction(a)
  template <class F>
  void Unary(F instruction) {
    for (const int half : {0, 1}) Last(1, half, [&](const auto& a) { instruction(Half(0, half), a); });
  }
  // d = instruction(a, b), or d = instruction(d, a, b)
  template <class F>
  void Binary(F instruction, int first = 1, int second = 2) {
    for (const int half : {0, 1}) {
      const Ymm a = KeptRegister(first, half, a_);
      Last(second, half, [&](const auto& b) { instruction(Half(0, half), a, b); });
    }
  }
  // The same when the order of the sources decides nothing; for f32 it decides which NaN passes through.
  template <class F>
  void Commutative(F instruction) {
    InMemory(1) && !InMemory(2) ? Binary(instruction, 2, 1) : Binary(instruction);
  }
  template <class F>
  void ShiftLanes(F instruction) {
    for (const int half : {0, 1}) instruction(Half(0, half), KeptRegister(1, half, a_), Shift());
  }

  void Constant();
  void Splat();
  void CopyLowHalf() { vmovaps(Half(0, 1), Half(0, 0)); }
  void Iota();
  void StoreF16();
  void StoreU8();
  void StoreBf16();
  void LoadPartial();
  void StorePartial();
  void Reduce();
  void SelectLess();
  void SelectLessInt();
  void FmaBroadcast();
  void MulBroadcast();
  void Dot4();
  void Dot2();
  void Dot2Broadcast();
  void Dot4Narrow();
  void OrAnd();
  void DotBf16();

 protected:
  void BeginFunction(const Function& function) override { constants_.assign(function.vectors, 0); }
  bool EmitVector() override;

 private:
  Xbyak::PreferredEncoding VnniEncoding() const {
    return target().vnni_vex ? Xbyak::VexEncoding : Xbyak::EvexEncoding;
  }
  Xbyak::Address Spill() const { return ptr[rsp - kSpillBytes]; }
  void ReduceStep(const Xmm& d, const Xmm& a, const Xmm& b);
  void Blend(int half, const Ymm& mask);
  void MaskOfCount(int i, int half);
  void RoundToBf16(int half);

  std::vector<std::uint32_t> constants_;  // by virtual vector: what its `const` said
};

using A = Avx2Assembler;

// A row whose instruction is the same on both halves.
#define VIVACE_HALVES(form, instruction) \
  [](A& a) { a.form([&](const auto&... operands) { a.instruction(operands...); }); }

constexpr VectorTable<A> kTable = {
    {Op::kConst, [](A& a) { a.Constant(); }},
    {Op::kIota, [](A& a) { a.Iota(); }},
    {Op::kSplat, [](A& a) { a.Splat(); }},
    {Op::kMove,
     [](A& a) {
       if (a.PhysicalVector(0) == a.PhysicalVector(1)) return;
       a.Unary([&](const Ymm& d, const auto& source) { a.vmovaps(d, source); });
     }},
    // Memory
    {Op::kLoad,
     [](A& a) {
       for (const int half : {0, 1}) a.vmovups(a.Half(0, half), a.Memory(1, half * kHalfBytes));
     }},
    {Op::kLoadF16,
     [](A& a) {
       for (const int half : {0, 1}) a.vcvtph2ps(a.Half(0, half), a.Memory(1, half * kHalfBytes / 2));
     }},
    {Op::kLoadBf16,
     [](A& a) {
       for (const int half : {0, 1}) {
         a.vpmovzxwd(a.Half(0, half), a.Memory(1, half * kHalfBytes / 2));
         a.vpslld(a.Half(0, half), a.Half(0, half), 16);
       }
     }},
    {Op::kLoadPartial, [](A& a) { a.LoadPartial(); }},
    {Op::kLoadU8,
     [](A& a) {
       for (const int half : {0, 1}) a.vpmovzxbd(a.Half(0, half), a.Memory(1, half * kHalfBytes / 4));
     }},
    {Op::kLoadS8,
     [](A& a) {
       for (const int half : {0, 1}) a.vpmovsxbd(a.Half(0, half), a.Memory(1, half * kHalfBytes / 4));
     }},
    {Op::kBroadcast,
     [](A& a) {
       a.vbroadcastss(a.Half(0, 0), a.Memory(1));
       a.CopyLowHalf();
     }},
    {Op::kStore,
     [](A& a) {
       for (const int half : {0, 1}) a.vmovups(a.Memory(0, half * kHalfBytes), a.Register(1, half, a.a_));
     }},
    {Op::kStoreF16, [](A& a) { a.StoreF16(); }},
    {Op::kStoreBf16, [](A& a) { a.StoreBf16(); }},
    {Op::kStorePartial, [](A& a) { a.StorePartial(); }},
    {Op::kStoreU8, [](A& a) { a.StoreU8(); }},
    {Op::kPrefetch0, [](A& a) { a.prefetcht0(a.Memory(0)); }},
    {Op::kPrefetch1, [](A& a) { a.prefetcht1(a.Memory(0)); }},
    // f32
    {Op::kAdd, VIVACE_HALVES(Binary, vaddps)},
    {Op::kSub, VIVACE_HALVES(Binary, vsubps)},
    {Op::kMul, VIVACE_HALVES(Binary, vmulps)},
    {Op::kDiv, VIVACE_HALVES(Binary, vdivps)},
    {Op::kMin, VIVACE_HALVES(Binary, vminps)},
    {Op::kMax, VIVACE_HALVES(Binary, vmaxps)},
    {Op::kSqrt, VIVACE_HALVES(Unary, vsqrtps)},
    {Op::kFma, VIVACE_HALVES(Binary, vfmadd231ps)},
    {Op::kFnma, VIVACE_HALVES(Binary, vfnmadd231ps)},
    {Op::kFmaBroadcast, [](A& a) { a.FmaBroadcast(); }},
    {Op::kMulBroadcast, [](A& a) { a.MulBroadcast(); }},
    {Op::kRound,
     [](A& a) {
       for (const int half : {0, 1}) a.vroundps(a.Half(0, half), a.Register(1, half, a.a_), kNearestEven);
     }},
    {Op::kToInt, VIVACE_HALVES(Unary, vcvtps2dq)},
    {Op::kToFloat, VIVACE_HALVES(Unary, vcvtdq2ps)},
    {Op::kSumLanes, [](A& a) { a.Reduce(); }},
    {Op::kMaxLanes, [](A& a) { a.Reduce(); }},
    {Op::kMinLanes, [](A& a) { a.Reduce(); }},
    {Op::kSelectLess, [](A& a) { a.SelectLess(); }},
    {Op::kSelectLessInt, [](A& a) { a.SelectLessInt(); }},
    // i32 and bits
    {Op::kAddInt, VIVACE_HALVES(Commutative, vpaddd)},
    {Op::kSubInt, VIVACE_HALVES(Binary, vpsubd)},
    {Op::kMulInt, VIVACE_HALVES(Commutative, vpmulld)},
    {Op::kAnd, VIVACE_HALVES(Commutative, vpand)},
    {Op::kOr, VIVACE_HALVES(Commutative, vpor)},
    {Op::kXor, VIVACE_HALVES(Commutative, vpxor)},
    {Op::kShiftLeft, VIVACE_HALVES(ShiftLanes, vpslld)},
    {Op::kShiftRight, VIVACE_HALVES(ShiftLanes, vpsrld)},
    {Op::kShiftRightArithmetic, VIVACE_HALVES(ShiftLanes, vpsrad)},
    {Op::kOrAnd, [](A& a) { a.OrAnd(); }},
    // Dot products
    {Op::kDot4, [](A& a) { a.Dot4(); }},
    {Op::kDot4Narrow, [](A& a) { a.Dot4Narrow(); }},
    {Op::kDot2, [](A& a) { a.Dot2(); }},
    {Op::kDot2Broadcast, [](A& a) { a.Dot2Broadcast(); }},
    {Op::kDotBf16, [](A& a) { a.DotBf16(); }},
    {Op::kDotBf16Broadcast, [](A& a) { a.DotBf16(); }},
};

#undef VIVACE_HALVES

bool Avx2Assembler::EmitVector() {
  const auto emit = kTable[op()];
  if (emit != nullptr) emit(*this);
  return emit != nullptr;
}

void Avx2Assembler::Constant() {
  constants_[Id(0)] = Bits();
  if (InMemory(0)) return;
  if (Bits() == 0) {
    vxorps(Half(0, 0), Half(0, 0), Half(0, 0));
  } else {
    vbroadcastss(Half(0, 0), PoolMemory());
    UsePool(PoolKind::kWord, Bits());
  }
  CopyLowHalf();
}

void Avx2Assembler::Iota() {
  for (const int half : {0, 1}) {
    vpmovzxbd(Half(0, half), PoolMemory());
    UsePool(PoolKind::kLanes, 0, static_cast<std::uint32_t>(8 * half));
  }
}

void Avx2Assembler::Splat() {
  vmovd(LowXmm(0), S(1).cvt32());
  vpbroadcastd(Half(0, 0), LowXmm(0));
  CopyLowHalf();
}

void Avx2Assembler::StoreF16() {
  for (const int half : {0, 1})
    vcvtps2ph(Memory(0, half * kHalfBytes / 2), Register(1, half, a_), kF16NearestEven);
}

// Packing saturates to s16, then to u8, each 128 bits for themselves: the dwords are then lanes 0-3, 8-11 |
// 4-7, 12-15.
void Avx2Assembler::StoreU8() {
  const Ymm low = Register(1, 0, a_);
  vpackssdw(a_, low, InMemory(1) ? low : Half(1, 1));
  vpackuswb(a_, a_, a_);
  vextracti128(Xmm(kScratchB), a_, 1);
  vpunpckldq(Xmm(kScratchA), Xmm(kScratchA), Xmm(kScratchB));
  vmovdqu(Memory(0), Xmm(kScratchA));
}

// a_ = the half rounded to bf16, in the low 16 bits of each lane. Half of the last place, less one when the
// bit above is even, is added before the cut; then NaN and denormals are put in their places.
void Avx2Assembler::RoundToBf16(int half) {
  constexpr int kUnordered = 3;
  vpslld(a_, Register(1, half, a_), 15);
  vpsrld(a_, a_, 31);  // the bit above the cut
  WithConstant(0x7fff, [&](const auto& almost_half) { vpaddd(a_, a_, almost_half); });
  Last(1, half, [&](const auto& x) { vpaddd(a_, a_, x); });

  const Ymm nan = Register(1, half, b_);
  vcmpps(b_, nan, nan, kUnordered);
  vpandn(a_, b_, a_);
  Last(1, half, [&](const auto& x) { vpand(b_, b_, x); });
  vpor(a_, a_, b_);
  const Ymm again = Register(1, half, b_);
  vcmpps(b_, again, again, kUnordered);
  WithConstant(0x00400000, [&](const auto& quiet) { vpand(b_, b_, quiet); });
  vpor(a_, a_, b_);

  const Ymm x = Register(1, half, b_);
  WithConstant(0x7f800000, [&](const auto& exponent) { vpand(b_, x, exponent); });
  WithConstant(0, [&](const auto& zero) { vpcmpeqd(b_, b_, zero); });
  WithConstant(0x7fffffff, [&](const auto& all_but_sign) { vpand(b_, b_, all_but_sign); });
  vpandn(a_, b_, a_);
  vpsrld(a_, a_, 16);
}

void Avx2Assembler::StoreBf16() {
  constexpr int kFirstAndThird = 0x08;  // of the four quarters: what packing filled
  for (const int half : {0, 1}) {
    RoundToBf16(half);
    vpackusdw(a_, a_, a_);
    vpermq(a_, a_, kFirstAndThird);
    vmovdqu(Memory(0, half * kHalfBytes / 2), Xmm(kScratchA));
  }
}

// b_ = the lanes of this half below the count in scalar operand i. Counts below 0 or above 16 need no care.
void Avx2Assembler::MaskOfCount(int i, int half) {
  vmovd(Xmm(kScratchB), S(i).cvt32());
  vpbroadcastd(b_, Xmm(kScratchB));
  vpcmpgtd(b_, b_, PoolMemory());
  UsePool(PoolKind::kWideLanes, 0, static_cast<std::uint32_t>(half * kHalfBytes));
}

// Lanes outside the mask raise no fault.
void Avx2Assembler::LoadPartial() {
  for (const int half : {0, 1}) {
    MaskOfCount(2, half);
    vmaskmovps(Half(0, half), b_, Memory(1, half * kHalfBytes));
  }
}

void Avx2Assembler::StorePartial() {
  for (const int half : {0, 1}) {
    MaskOfCount(2, half);
    vmaskmovps(Memory(0, half * kHalfBytes), b_, KeptRegister(1, half, a_));
  }
}

void Avx2Assembler::ReduceStep(const Xmm& d, const Xmm& a, const Xmm& b) {
  if (op() == Op::kSumLanes) return vaddps(d, a, b);
  if (op() == Op::kMaxLanes) return vmaxps(d, a, b);
  vminps(d, a, b);
}

// Lanes i and i+8 are the two registers; then i+4, i+2, i+1; then lane 0 to all.
void Avx2Assembler::Reduce() {
  constexpr int kSwapHalves = 0x4e;      // lanes 2 3 0 1
  constexpr int kSwapNeighbours = 0xb1;  // lanes 1 0 3 2
  const Xmm low(kScratchA);
  const Xmm high(kScratchB);
  const Ymm first = Register(1, 0, a_);
  ReduceStep(a_, first, InMemory(1) ? first : Half(1, 1));
  vextractf128(high, a_, 1);
  ReduceStep(low, low, high);
  vpshufd(high, low, kSwapHalves);
  ReduceStep(low, low, high);
  vpshufd(high, low, kSwapNeighbours);
  ReduceStep(low, low, high);
  vbroadcastss(Half(0, 0), low);
  CopyLowHalf();
}

// d = mask ? operand 3 : operand 4
void Avx2Assembler::Blend(int half, const Ymm& mask) {
  const Ymm otherwise = Register(4, half, b_);
  Last(
      3, half, [&](const auto& chosen) { vblendvps(Half(0, half), otherwise, chosen, mask); }, 1);
}

void Avx2Assembler::SelectLess() {
  for (const int half : {0, 1}) {
    const Ymm a = Register(1, half, a_);
    Last(
        2, half, [&](const auto& b) { vcmpps(a_, a, b, kLessOrderedQuiet); }, 1);
    Blend(half, a_);
  }
}

void Avx2Assembler::SelectLessInt() {
  for (const int half : {0, 1}) {
    const Ymm b = Register(2, half, a_);
    Last(1, half, [&](const auto& a) { vpcmpgtd(a_, b, a); });
    Blend(half, a_);
  }
}

void Avx2Assembler::FmaBroadcast() {
  vbroadcastss(b_, Memory(2));
  for (const int half : {0, 1}) vfmadd231ps(Half(0, half), KeptRegister(1, half, a_), b_);
}

void Avx2Assembler::MulBroadcast() {
  vbroadcastss(b_, Memory(2));
  for (const int half : {0, 1}) vmulps(Half(0, half), KeptRegister(1, half, a_), b_);
}

// Without VNNI: bytes widened to 16 bits, even ones and odd ones apart, so that nothing saturates. The first
// sum waits outside of a destination that is also a source.
void Avx2Assembler::Dot4() {
  if (target().vnni) {
    return Binary([this](const Ymm& d, const Ymm& a, const auto& b) { vpdpbusd(d, a, b, VnniEncoding()); });
  }
  for (const int half : {0, 1}) {
    const Ymm a = Register(1, half, a_);
    WithConstant(0x00ff00ff, [&](const auto& mask) { vpand(a_, a, mask); });
    vpsllw(b_, Register(2, half, b_), 8);
    vpsraw(b_, b_, 8);
    vpmaddwd(a_, a_, b_);
    DestinationIsSource() ? vmovdqu(Spill(), a_) : vpaddd(Half(0, half), Half(0, half), a_);
    vpsrlw(a_, Register(1, half, a_), 8);
    vpsraw(b_, Register(2, half, b_), 8);
    vpmaddwd(a_, a_, b_);
    if (DestinationIsSource()) vpaddd(a_, a_, Spill());
    vpaddd(Half(0, half), Half(0, half), a_);
  }
}

void Avx2Assembler::Dot2() {
  if (target().vnni) {
    return Commutative(
        [this](const Ymm& d, const Ymm& a, const auto& b) { vpdpwssd(d, a, b, VnniEncoding()); });
  }
  for (const int half : {0, 1}) {
    const Ymm a = Register(1, half, a_);
    Last(2, half, [&](const auto& b) { vpmaddwd(b_, a, b); });
    vpaddd(Half(0, half), Half(0, half), b_);
  }
}

void Avx2Assembler::Dot2Broadcast() {
  vpbroadcastd(b_, Memory(2));
  for (const int half : {0, 1}) {
    if (target().vnni) {
      vpdpwssd(Half(0, half), Register(1, half, a_), b_, VnniEncoding());
    } else {
      vpmaddwd(a_, Register(1, half, a_), b_);
      vpaddd(Half(0, half), Half(0, half), a_);
    }
  }
}

// With bytes of b in -64..64 two products fit 16 bits.
void Avx2Assembler::Dot4Narrow() {
  if (target().vnni) return Dot4();
  for (const int half : {0, 1}) {
    const Ymm a = Register(1, half, a_);
    Last(2, half, [&](const auto& b) { vpmaddubsw(b_, a, b); });
    WithConstant(0x00010001, [&](const auto& ones) { vpmaddwd(b_, b_, ones); });
    vpaddd(Half(0, half), Half(0, half), b_);
  }
}

void Avx2Assembler::OrAnd() {
  for (const int half : {0, 1}) {
    const Ymm a = Register(1, half, a_);
    Last(2, half, [&](const auto& b) { vpand(a_, a, b); });
    vpor(Half(0, half), Half(0, half), a_);
  }
}

// Two fused steps: the odd halves of the pairs, then the even ones. The sum moves to scratch meanwhile, as
// the destination may be a source, too. Of two NaN factors vfmadd213ps passes on its second operand: a's.
void Avx2Assembler::DotBf16() {
  for (const int half : {0, 1}) {
    const Ymm d = Half(0, half);
    const auto second = [&](const Ymm& room) {
      if (op() == Op::kDotBf16) return Register(2, half, room);
      vpbroadcastd(room, Memory(2));
      return room;
    };
    vpsrld(b_, second(b_), 16);
    vpslld(b_, b_, 16);
    vpsrld(a_, Register(1, half, a_), 16);
    vpslld(a_, a_, 16);
    vfmadd213ps(b_, a_, d);
    vpslld(a_, Register(1, half, a_), 16);
    vpslld(d, second(d), 16);
    vfmadd213ps(d, a_, b_);
  }
}

}  // namespace

std::unique_ptr<Assembler> MakeAvx2Assembler(std::byte* buffer, std::size_t size) {
  return std::make_unique<Avx2Assembler>(buffer, size);
}

}  // namespace vivace::codegen
