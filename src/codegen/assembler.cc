// The frame of a kernel and the scalar operations.
#include "codegen/assembler.h"

#include <fmt/format.h>

#include <array>

namespace vivace::codegen {
namespace {

using Xbyak::Reg64;
using Code = Xbyak::Operand::Code;

constexpr std::size_t kLoopAlignment = 32;  // of the body of an innermost loop
constexpr std::size_t kWideAlignment = 32;  // of constants that are read as vectors

constexpr std::array<Code, kScalarRegisterCount> kScalarRegisters = {
    Code::RAX, Code::RCX, Code::RDX, Code::RSI, Code::R8,  Code::R9,  Code::R10, Code::R11,
    Code::RDI, Code::RBX, Code::RBP, Code::R12, Code::R13, Code::R14, Code::R15};
static_assert(kScalarRegisters[kArgumentsScalar] == Code::RDI);
constexpr std::size_t kFirstCalleeSaved = 9;  // rbx

constexpr VectorTable<Assembler> kScalarTable = {
    {Op::kArg,
     [](Assembler& a) {
       a.mov(a.S(0), a.ptr[Reg64(kScalarRegisters[kArgumentsScalar]) + 8 * a.Immediate()]);
     }},
    {Op::kScalarConst, [](Assembler& a) { a.ScalarConstant(); }},
    {Op::kScalarMove, [](Assembler& a) { a.CopyScalar(a.S(0), a.S(1)); }},
    {Op::kScalarLoad64, [](Assembler& a) { a.mov(a.S(0), a.Memory(1)); }},
    {Op::kScalarLoad32, [](Assembler& a) { a.movsxd(a.S(0), a.dword[a.S(1) + a.Immediate()]); }},
    {Op::kScalarLoad16, [](Assembler& a) { a.movzx(a.S(0).cvt32(), a.word[a.S(1) + a.Immediate()]); }},
    {Op::kScalarLoad8, [](Assembler& a) { a.movzx(a.S(0).cvt32(), a.byte[a.S(1) + a.Immediate()]); }},
    {Op::kScalarStore64, [](Assembler& a) { a.mov(a.Memory(0), a.S(1)); }},
    {Op::kScalarStore32, [](Assembler& a) { a.mov(a.Memory(0), a.S(1).cvt32()); }},
    {Op::kScalarStore16, [](Assembler& a) { a.mov(a.Memory(0), a.S(1).cvt16()); }},
    {Op::kScalarStore8, [](Assembler& a) { a.mov(a.Memory(0), a.S(1).cvt8()); }},
    {Op::kScalarAdd, [](Assembler& a) { a.ScalarAdd(); }},
    {Op::kScalarSub, [](Assembler& a) { a.ScalarSub(); }},
    {Op::kScalarAddImm,
     [](Assembler& a) {
       if (a.S(0).getIdx() == a.S(1).getIdx()) return a.add(a.S(0), a.Bits());
       a.lea(a.S(0), a.ptr[a.S(1) + a.Immediate()]);
     }},
    {Op::kScalarMulImm, [](Assembler& a) { a.imul(a.S(0), a.S(1), a.Immediate()); }},
    {Op::kScalarShiftLeft,
     [](Assembler& a) {
       a.CopyScalar(a.S(0), a.S(1));
       a.shl(a.S(0), a.Immediate());
     }},
    {Op::kScalarShiftRight,
     [](Assembler& a) {
       a.CopyScalar(a.S(0), a.S(1));
       a.shr(a.S(0), a.Immediate());
     }},
    {Op::kScalarAndImm,
     [](Assembler& a) {
       a.CopyScalar(a.S(0), a.S(1));
       a.and_(a.S(0), a.Bits());
     }},
    {Op::kScalarMin, [](Assembler& a) { a.ScalarSelect(true); }},
    {Op::kScalarMax, [](Assembler& a) { a.ScalarSelect(false); }},
    {Op::kLoop, [](Assembler& a) { a.BeginLoop(); }},
    {Op::kEnd, [](Assembler& a) { a.EndLoop(); }},
};

}  // namespace

Status Assembler::Run(const Function& function, const Allocation& allocation, const Target& target) {
  reset();
  allocation_ = &allocation;
  target_ = &target;
  loops_seen_ = 0;
  loops_.clear();
  pool_uses_.clear();
  line_start_.clear();
  BeginFunction(function);
  Prologue();
  for (const Instruction& instruction : function.code) {
    current_ = &instruction;
    line_start_.push_back(static_cast<std::uint32_t>(getSize()));
    if (const auto scalar = kScalarTable[instruction.op]; scalar != nullptr) {
      scalar(*this);
    } else if (!EmitVector()) {
      return Unsupported(fmt::format("kernel '{}': instruction {} '{}' has no code on target {}",
                                     function.name, line_start_.size(), PrintLine(instruction), target.name));
    }
  }
  line_start_.push_back(static_cast<std::uint32_t>(getSize()));
  Epilogue();
  Constants();
  return Status::Ok();
}

Reg64 Assembler::S(int operand) const {
  return Reg64(kScalarRegisters[allocation_->scalars[Id(operand)]]);
}

void Assembler::Prologue() {
  for (std::size_t i = kFirstCalleeSaved; i < kScalarRegisters.size(); ++i) {
    if ((allocation_->scalars_used >> i & 1) != 0) push(Reg64(kScalarRegisters[i]));
  }
}

void Assembler::Epilogue() {
  vzeroupper();
  for (std::size_t i = kScalarRegisters.size(); i-- > kFirstCalleeSaved;) {
    if ((allocation_->scalars_used >> i & 1) != 0) pop(Reg64(kScalarRegisters[i]));
  }
  ret();
}

void Assembler::UsePool(PoolKind kind, std::uint32_t bits, std::uint32_t skip_bytes, std::size_t trailing) {
  pool_uses_.push_back(
      {getSize() - 4 - trailing, static_cast<std::uint32_t>(trailing), skip_bytes, bits, kind});
}

// Where the constant of `use` lies; lays it down at its first use.
std::uint32_t Assembler::PoolOffset(const PoolUse& use) {
  for (const auto& [bits, at] : pool_) {
    if (bits == use.bits) return at;
  }
  const auto offset = static_cast<std::uint32_t>(getSize());
  pool_.emplace_back(use.bits, offset);
  switch (use.kind) {
    case PoolKind::kWide:
      for (int lane = 0; lane < 8; ++lane) dd(use.bits);
      break;
    case PoolKind::kWideLanes:
      for (int lane = 0; lane < 16; ++lane) dd(static_cast<std::uint32_t>(lane));
      break;
    case PoolKind::kLanes:
      for (int lane = 0; lane < 16; ++lane) db(lane);
      break;
    case PoolKind::kWord:
      dd(use.bits);
      break;
  }
  return offset;
}

// Lays each different constant down once, the large ones first, and points its uses at it. A displacement
// counts from the end of its instruction.
void Assembler::Constants() {
  constants_start_ = static_cast<std::uint32_t>(getSize());
  if (pool_uses_.empty()) return;
  unsigned kinds = 0;
  for (const PoolUse& use : pool_uses_) kinds |= 1u << static_cast<unsigned>(use.kind);
  const bool words_only = kinds == 1u << static_cast<unsigned>(PoolKind::kWord);
  while (getSize() % (words_only ? 4 : kWideAlignment) != 0) int3();
  constants_start_ = static_cast<std::uint32_t>(getSize());
  for (const PoolKind kind : {PoolKind::kWide, PoolKind::kWideLanes, PoolKind::kLanes, PoolKind::kWord}) {
    if ((kinds >> static_cast<unsigned>(kind) & 1) == 0) continue;
    pool_.clear();
    for (const PoolUse& use : pool_uses_) {
      if (use.kind != kind) continue;
      const std::size_t next = use.displacement + 4 + use.trailing;
      rewrite(use.displacement, PoolOffset(use) + use.skip_bytes - next, 4);
    }
  }
}

void Assembler::ScalarConstant() {
  const std::int64_t value = current_->immediate;
  if (value == 0) {
    xor_(S(0).cvt32(), S(0).cvt32());
  } else if (value > 0 && value <= 0xffffffff) {
    mov(S(0).cvt32(), static_cast<std::uint32_t>(value));
  } else {
    mov(S(0), static_cast<std::uint64_t>(value));
  }
}

void Assembler::ScalarAdd() {
  if (S(0).getIdx() == S(1).getIdx()) return add(S(0), S(2));
  if (S(0).getIdx() == S(2).getIdx()) return add(S(0), S(1));
  lea(S(0), ptr[S(1) + S(2)]);
}

void Assembler::ScalarSub() {
  if (S(0).getIdx() == S(2).getIdx() && S(0).getIdx() != S(1).getIdx()) {  // d = a - d
    neg(S(0));
    return add(S(0), S(1));
  }
  CopyScalar(S(0), S(1));
  sub(S(0), S(2));
}

void Assembler::ScalarSelect(bool smaller) {
  const bool second_is_destination = S(0).getIdx() == S(2).getIdx();
  const Reg64 other = second_is_destination ? S(1) : S(2);
  if (!second_is_destination) CopyScalar(S(0), S(1));
  cmp(S(0), other);
  smaller ? cmovg(S(0), other) : cmovl(S(0), other);
}

bool Assembler::IsInnermost() const {
  const Instruction* next = current_ + 1;
  while (next->op != Op::kLoop && next->op != Op::kEnd) ++next;
  return next->op == Op::kEnd;
}

void Assembler::BeginLoop() {
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

void Assembler::EndLoop() {
  const OpenLoop loop = loops_.back();
  loops_.pop_back();
  dec(loop.counter);
  jnz(loop.body);
  rewrite(loop.exit_displacement, getSize() - (loop.exit_displacement + 4), 4);
}

}  // namespace vivace::codegen
