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
  void Reduce();
  void SelectLess();
  void SelectLessInt();
  void FmaBroadcast();
  void MulBroadcast();
  void Dot4();
  void Dot2();
  void Dot2Broadcast();

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
    {Op::kAnd, VIVACE_HALVES(Commutative, vpand)},
    {Op::kOr, VIVACE_HALVES(Commutative, vpor)},
    {Op::kXor, VIVACE_HALVES(Commutative, vpxor)},
    {Op::kShiftLeft, VIVACE_HALVES(ShiftLanes, vpslld)},
    {Op::kShiftRight, VIVACE_HALVES(ShiftLanes, vpsrld)},
    // Dot products
    {Op::kDot4, [](A& a) { a.Dot4(); }},
    {Op::kDot2, [](A& a) { a.Dot2(); }},
    {Op::kDot2Broadcast, [](A& a) { a.Dot2Broadcast(); }},
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

}  // namespace

std::unique_ptr<Assembler> MakeAvx2Assembler(std::byte* buffer, std::size_t size) {
  return std::make_unique<Avx2Assembler>(buffer, size);
}

}  // namespace vivace::codegen
