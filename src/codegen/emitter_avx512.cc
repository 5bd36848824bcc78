// One case an operation: the instructions that it becomes. A destination may share its register with any
// source, so that every case reads all sources before it writes the destination. zmm30 and zmm31 are scratch,
// k1 holds comparisons.
#include "codegen/emitter_avx512.h"

#include <fmt/format.h>

#include <array>
#include <bit>

#define XBYAK_NO_EXCEPTION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <xbyak/xbyak.h>
#pragma GCC diagnostic pop

#include "base/check.h"

namespace vivace::codegen {
namespace {

using Xbyak::Address;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;
using Code = Xbyak::Operand::Code;

constexpr int kScratchA = 30;
constexpr int kScratchB = 31;
constexpr std::size_t kInitialCapacity = 64 * 1024;
constexpr std::size_t kBytesPerInstruction =
    96;  // the longest case (a lane reduction) is 66, a push and a constant included
constexpr std::size_t kLoopAlignment = 32;    // of the body of an innermost loop
constexpr std::size_t kBufferAlignment = 64;  // as kernels are placed
constexpr std::size_t kFixedBytes = 256;      // prologue, epilogue, iota

// Physical scalar register by allocation number: caller-saved first.
constexpr std::array<Code, 15> kScalarRegisters = {Code::RAX, Code::RCX, Code::RDX, Code::RSI, Code::R8,
                                                   Code::R9,  Code::R10, Code::R11, Code::RDI, Code::RBX,
                                                   Code::RBP, Code::R12, Code::R13, Code::R14, Code::R15};
constexpr int kArgumentsScalar = 8;   // rdi
constexpr int kFirstCalleeSaved = 9;  // rbx

constexpr RegisterFile kRegisters = {30, static_cast<int>(kScalarRegisters.size()), kArgumentsScalar};

constexpr int kNearestEven = 8;     // vrndscaleps: round to nearest even, no inexact flag
constexpr int kF16NearestEven = 0;  // vcvtps2ph
constexpr int kLessOrderedQuiet = 0x11;
constexpr int kLessInt = 1;

}  // namespace

class EmitterAvx512::Assembler : public Xbyak::CodeGenerator {
 public:
  Assembler(std::byte* buffer, std::size_t size) : CodeGenerator(size, buffer) {}

  void Run(const Function& function, const Allocation& allocation);
  std::span<const std::uint32_t> line_start() const { return line_start_; }
  std::uint32_t constants_start() const { return constants_start_; }

 private:
  struct OpenLoop {
    const std::uint8_t* body;
    std::size_t exit_displacement;  // offset of the four bytes to patch
    Reg64 counter;
  };
  struct ConstantUse {
    std::size_t displacement;  // offset of the four bytes to patch
    std::uint32_t bits;
  };

  Zmm V(int i) const { return Zmm(allocation_->vectors[current_->operands[i]]); }
  Reg64 S(int i) const { return Reg64(kScalarRegisters[allocation_->scalars[current_->operands[i]]]); }
  int Immediate() const { return static_cast<int>(current_->immediate); }
  Address Memory(int i) const { return ptr[S(i) + Immediate()]; }
  Address BroadcastMemory(int i) const { return ptr_b[S(i) + Immediate()]; }

  void Prologue();
  void Epilogue();
  void Constants();

  void Line();
  void MoveLine();
  void MemoryLine();
  void FloatLine();
  void IntegerLine();
  void ScalarLine();
  void ScalarMemoryLine();

  void Constant();
  void Iota();
  void StoreU8();
  void Reduce(Op op);
  void ReduceStep(Op op, const Xmm& d, const Xmm& a, const Xmm& b);
  void ScalarConstant();
  void CopyScalar(const Reg64& d, const Reg64& a) {
    if (d.getIdx() != a.getIdx()) mov(d, a);
  }
  void ScalarAdd();
  void ScalarSub();
  void ScalarSelect(bool smaller);
  bool IsInnermost() const;
  void BeginLoop();
  void EndLoop();

  const Allocation* allocation_ = nullptr;
  const Instruction* current_ = nullptr;
  std::size_t loops_seen_ = 0;
  std::uint32_t constants_start_ = 0;
  std::vector<OpenLoop> loops_;
  std::vector<ConstantUse> constant_uses_;
  std::vector<std::size_t> iota_uses_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pool_;  // bits, offset
  std::vector<std::uint32_t> line_start_;
};

void EmitterAvx512::Assembler::Run(const Function& function, const Allocation& allocation) {
  reset();
  allocation_ = &allocation;
  loops_seen_ = 0;
  loops_.clear();
  constant_uses_.clear();
  iota_uses_.clear();
  pool_.clear();
  line_start_.clear();
  Prologue();
  for (const Instruction& instruction : function.code) {
    current_ = &instruction;
    line_start_.push_back(static_cast<std::uint32_t>(getSize()));
    Line();
  }
  line_start_.push_back(static_cast<std::uint32_t>(getSize()));
  Epilogue();
  Constants();
}

void EmitterAvx512::Assembler::Prologue() {
  for (std::size_t i = kFirstCalleeSaved; i < kScalarRegisters.size(); ++i) {
    if ((allocation_->scalars_used >> i & 1) != 0) push(Reg64(kScalarRegisters[i]));
  }
}

void EmitterAvx512::Assembler::Epilogue() {
  vzeroupper();
  for (std::size_t i = kScalarRegisters.size(); i-- > kFirstCalleeSaved;) {
    if ((allocation_->scalars_used >> i & 1) != 0) pop(Reg64(kScalarRegisters[i]));
  }
  ret();
}

// Lays each different constant down once and points its uses at it. A displacement counts from the end of its
// four bytes.
void EmitterAvx512::Assembler::Constants() {
  constants_start_ = static_cast<std::uint32_t>(getSize());
  if (constant_uses_.empty() && iota_uses_.empty()) return;
  while (getSize() % 4 != 0) int3();
  constants_start_ = static_cast<std::uint32_t>(getSize());
  for (const ConstantUse& use : constant_uses_) {
    std::uint32_t offset = 0;
    for (const auto& [bits, at] : pool_) offset = bits == use.bits ? at : offset;
    if (offset == 0) {
      offset = static_cast<std::uint32_t>(getSize());
      pool_.emplace_back(use.bits, offset);
      dd(use.bits);
    }
    rewrite(use.displacement, offset - (use.displacement + 4), 4);
  }
  const std::size_t iota = getSize();
  if (!iota_uses_.empty()) {
    for (int lane = 0; lane < 16; ++lane) db(lane);
  }
  for (const std::size_t use : iota_uses_) rewrite(use, iota - (use + 4), 4);
}

void EmitterAvx512::Assembler::Line() {
  if (current_->op == Op::kLoop) return BeginLoop();
  if (current_->op == Op::kEnd) return EndLoop();
  if (current_->op >= Op::kArg) return ScalarLine();
  if (current_->op < Op::kLoad) return MoveLine();
  if (current_->op < Op::kAdd) return MemoryLine();
  if (current_->op < Op::kAddInt) return FloatLine();
  IntegerLine();
}

void EmitterAvx512::Assembler::MoveLine() {
  switch (current_->op) {
    case Op::kConst:
      return Constant();
    case Op::kIota:
      return Iota();
    case Op::kSplat:
      return vpbroadcastd(V(0), S(1).cvt32());
    case Op::kMove:
      if (V(0).getIdx() != V(1).getIdx()) vmovaps(V(0), V(1));
      return;
    default:
      VIVACE_CHECK(!"not a move");
  }
}

void EmitterAvx512::Assembler::MemoryLine() {
  switch (current_->op) {
    case Op::kLoad:
      return vmovups(V(0), Memory(1));
    case Op::kLoadF16:
      return vcvtph2ps(V(0), Memory(1));
    case Op::kLoadU8:
      return vpmovzxbd(V(0), Memory(1));
    case Op::kLoadS8:
      return vpmovsxbd(V(0), Memory(1));
    case Op::kBroadcast:
      return vbroadcastss(V(0), Memory(1));
    case Op::kStore:
      return vmovups(Memory(0), V(1));
    case Op::kStoreF16:
      return vcvtps2ph(Memory(0), V(1), kF16NearestEven);
    case Op::kStoreU8:
      return StoreU8();
    case Op::kPrefetch0:
      return prefetcht0(Memory(0));
    case Op::kPrefetch1:
      return prefetcht1(Memory(0));
    default:
      VIVACE_CHECK(!"not a memory operation");
  }
}

void EmitterAvx512::Assembler::FloatLine() {
  switch (current_->op) {
    case Op::kAdd:
      return vaddps(V(0), V(1), V(2));
    case Op::kSub:
      return vsubps(V(0), V(1), V(2));
    case Op::kMul:
      return vmulps(V(0), V(1), V(2));
    case Op::kDiv:
      return vdivps(V(0), V(1), V(2));
    case Op::kMin:
      return vminps(V(0), V(1), V(2));
    case Op::kMax:
      return vmaxps(V(0), V(1), V(2));
    case Op::kSqrt:
      return vsqrtps(V(0), V(1));
    case Op::kFma:
      return vfmadd231ps(V(0), V(1), V(2));
    case Op::kFnma:
      return vfnmadd231ps(V(0), V(1), V(2));
    case Op::kFmaBroadcast:
      return vfmadd231ps(V(0), V(1), BroadcastMemory(2));
    case Op::kMulBroadcast:
      return vmulps(V(0), V(1), BroadcastMemory(2));
    case Op::kRound:
      return vrndscaleps(V(0), V(1), kNearestEven);
    case Op::kToInt:
      return vcvtps2dq(V(0), V(1));
    case Op::kToFloat:
      return vcvtdq2ps(V(0), V(1));
    case Op::kSumLanes:
    case Op::kMaxLanes:
    case Op::kMinLanes:
      return Reduce(current_->op);
    case Op::kSelectLess:
      vcmpps(k1, V(1), V(2), kLessOrderedQuiet);
      return vblendmps(V(0) | k1, V(4), V(3));
    case Op::kSelectLessInt:
      vpcmpd(k1, V(1), V(2), kLessInt);
      return vpblendmd(V(0) | k1, V(4), V(3));
    default:
      VIVACE_CHECK(!"not a float operation");
  }
}

void EmitterAvx512::Assembler::IntegerLine() {
  switch (current_->op) {
    case Op::kAddInt:
      return vpaddd(V(0), V(1), V(2));
    case Op::kSubInt:
      return vpsubd(V(0), V(1), V(2));
    case Op::kAnd:
      return vpandd(V(0), V(1), V(2));
    case Op::kOr:
      return vpord(V(0), V(1), V(2));
    case Op::kXor:
      return vpxord(V(0), V(1), V(2));
    case Op::kShiftLeft:
      return vpslld(V(0), V(1), static_cast<std::uint8_t>(Immediate()));
    case Op::kShiftRight:
      return vpsrld(V(0), V(1), static_cast<std::uint8_t>(Immediate()));
    case Op::kDot4:
      return vpdpbusd(V(0), V(1), V(2));
    case Op::kDot2:
      return vpdpwssd(V(0), V(1), V(2));
    case Op::kDot2Broadcast:
      return vpdpwssd(V(0), V(1), BroadcastMemory(2));
    default:
      VIVACE_CHECK(!"not an integer operation");
  }
}

void EmitterAvx512::Assembler::ScalarLine() {
  switch (current_->op) {
    case Op::kArg:
      return mov(S(0), ptr[Reg64(kScalarRegisters[kArgumentsScalar]) + 8 * Immediate()]);
    case Op::kScalarConst:
      return ScalarConstant();
    case Op::kScalarMove:
      return CopyScalar(S(0), S(1));
    case Op::kScalarAdd:
      return ScalarAdd();
    case Op::kScalarSub:
      return ScalarSub();
    case Op::kScalarAddImm:
      if (S(0).getIdx() == S(1).getIdx()) return add(S(0), static_cast<std::uint32_t>(Immediate()));
      return lea(S(0), ptr[S(1) + Immediate()]);
    case Op::kScalarMulImm:
      return imul(S(0), S(1), Immediate());
    case Op::kScalarShiftLeft:
      CopyScalar(S(0), S(1));
      return shl(S(0), Immediate());
    case Op::kScalarShiftRight:
      CopyScalar(S(0), S(1));
      return shr(S(0), Immediate());
    case Op::kScalarAndImm:
      CopyScalar(S(0), S(1));
      return and_(S(0), static_cast<std::uint32_t>(Immediate()));
    case Op::kScalarMin:
      return ScalarSelect(true);
    case Op::kScalarMax:
      return ScalarSelect(false);
    default:
      return ScalarMemoryLine();
  }
}

void EmitterAvx512::Assembler::ScalarMemoryLine() {
  switch (current_->op) {
    case Op::kScalarLoad64:
      return mov(S(0), Memory(1));
    case Op::kScalarLoad32:
      return movsxd(S(0), dword[S(1) + Immediate()]);
    case Op::kScalarLoad16:
      return movzx(S(0).cvt32(), word[S(1) + Immediate()]);
    case Op::kScalarLoad8:
      return movzx(S(0).cvt32(), byte[S(1) + Immediate()]);
    case Op::kScalarStore64:
      return mov(Memory(0), S(1));
    case Op::kScalarStore32:
      return mov(Memory(0), S(1).cvt32());
    case Op::kScalarStore16:
      return mov(Memory(0), S(1).cvt16());
    default:
      VIVACE_CHECK(!"not a scalar memory operation");
  }
}

void EmitterAvx512::Assembler::Constant() {
  const auto bits = static_cast<std::uint32_t>(current_->immediate);
  if (bits == 0) return vpxord(V(0), V(0), V(0));
  vbroadcastss(V(0), ptr[rip + 0]);
  constant_uses_.push_back({getSize() - 4, bits});
}

void EmitterAvx512::Assembler::Iota() {
  vpmovzxbd(V(0), ptr[rip + 0]);
  iota_uses_.push_back(getSize() - 4);
}

// Values are signed, the saturating store takes unsigned ones: negative values first become zero.
void EmitterAvx512::Assembler::StoreU8() {
  vpxord(Zmm(kScratchB), Zmm(kScratchB), Zmm(kScratchB));
  vpmaxsd(Zmm(kScratchA), V(1), Zmm(kScratchB));
  vpmovusdb(Memory(0), Zmm(kScratchA));
}

void EmitterAvx512::Assembler::ReduceStep(Op op, const Xmm& d, const Xmm& a, const Xmm& b) {
  if (op == Op::kSumLanes) return vaddps(d, a, b);
  if (op == Op::kMaxLanes) return vmaxps(d, a, b);
  vminps(d, a, b);
}

// Halves the vector four times: lanes i and i+8, i+4, i+2, i+1; then lane 0 to all.
void EmitterAvx512::Assembler::Reduce(Op op) {
  constexpr int kSwapHalves = 0x4e;      // lanes 2 3 0 1
  constexpr int kSwapNeighbours = 0xb1;  // lanes 1 0 3 2
  const Xmm low(kScratchA);
  const Xmm high(kScratchB);
  vextractf32x8(Ymm(kScratchA), V(1), 1);
  ReduceStep(op, Ymm(kScratchA), Ymm(V(1).getIdx()), Ymm(kScratchA));
  vextractf32x4(high, Ymm(kScratchA), 1);
  ReduceStep(op, low, low, high);
  vpshufd(high, low, kSwapHalves);
  ReduceStep(op, low, low, high);
  vpshufd(high, low, kSwapNeighbours);
  ReduceStep(op, low, low, high);
  vbroadcastss(V(0), low);
}

void EmitterAvx512::Assembler::ScalarConstant() {
  const std::int64_t value = current_->immediate;
  if (value == 0) {
    xor_(S(0).cvt32(), S(0).cvt32());
  } else if (value > 0 && value <= 0xffffffff) {
    mov(S(0).cvt32(), static_cast<std::uint32_t>(value));
  } else {
    mov(S(0), static_cast<std::uint64_t>(value));
  }
}

void EmitterAvx512::Assembler::ScalarAdd() {
  if (S(0).getIdx() == S(1).getIdx()) return add(S(0), S(2));
  if (S(0).getIdx() == S(2).getIdx()) return add(S(0), S(1));
  lea(S(0), ptr[S(1) + S(2)]);
}

void EmitterAvx512::Assembler::ScalarSub() {
  if (S(0).getIdx() == S(2).getIdx() && S(0).getIdx() != S(1).getIdx()) {  // d = a - d
    neg(S(0));
    return add(S(0), S(1));
  }
  CopyScalar(S(0), S(1));
  sub(S(0), S(2));
}

void EmitterAvx512::Assembler::ScalarSelect(bool smaller) {
  const bool second_is_destination = S(0).getIdx() == S(2).getIdx();
  const Reg64 other = second_is_destination ? S(1) : S(2);
  if (!second_is_destination) CopyScalar(S(0), S(1));
  cmp(S(0), other);
  smaller ? cmovg(S(0), other) : cmovl(S(0), other);
}

bool EmitterAvx512::Assembler::IsInnermost() const {
  const Instruction* next = current_ + 1;
  while (next->op != Op::kLoop && next->op != Op::kEnd) ++next;
  return next->op == Op::kEnd;
}

void EmitterAvx512::Assembler::BeginLoop() {
  const Reg64 counter(kScalarRegisters[allocation_->counters[loops_seen_++]]);
  CopyScalar(counter, S(0));
  test(counter, counter);
  db(0x0f);  // jle with four bytes of displacement, patched at the end of the loop
  db(0x8e);
  const std::size_t displacement = getSize();
  dd(0);
  if (IsInnermost()) align(kLoopAlignment);
  loops_.push_back({getCurr(), displacement, counter});
}

void EmitterAvx512::Assembler::EndLoop() {
  const OpenLoop loop = loops_.back();
  loops_.pop_back();
  dec(loop.counter);
  jnz(loop.body);
  rewrite(loop.exit_displacement, getSize() - (loop.exit_displacement + 4), 4);
}

EmitterAvx512::EmitterAvx512() = default;
EmitterAvx512::~EmitterAvx512() = default;

const RegisterFile& EmitterAvx512::Registers() {
  return kRegisters;
}

Result<MachineCode> EmitterAvx512::Emit(const Function& function, const Allocation& allocation) {
  const std::size_t need = function.code.size() * kBytesPerInstruction + kFixedBytes;
  if (assembler_ == nullptr || capacity_ < need) {
    assembler_.reset();
    capacity_ = std::max(kInitialCapacity, std::bit_ceil(need));
    buffer_.resize(capacity_ + kBufferAlignment);
    std::size_t space = buffer_.size();
    void* start = buffer_.data();
    std::align(kBufferAlignment, capacity_, start, space);
    start_ = static_cast<std::byte*>(start);
    assembler_ = std::make_unique<Assembler>(start_, capacity_);
  }
  Xbyak::ClearError();
  assembler_->Run(function, allocation);
  if (const int error = Xbyak::GetError(); error != 0) {
    return Internal(fmt::format("kernel '{}': the assembler refused an instruction: {}", function.name,
                                Xbyak::ConvertErrorToString(error)));
  }
  return MachineCode{
      {start_, assembler_->getSize()}, assembler_->line_start(), assembler_->constants_start()};
}

}  // namespace vivace::codegen
