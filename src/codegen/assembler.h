// What the emitters of all instruction sets share: the frame of a kernel (saved registers, loops, constants
// after the return, the offset of each line) and the scalar operations. An instruction set adds its vector
// operations as a table, one row an operation (VectorTable); a row that is missing is refused by name.
// A destination may share its register with any source: a row reads all sources before it writes.
// Internal to the emitters, as the only header that brings the encoder in. One thread per object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#define XBYAK_NO_EXCEPTION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <xbyak/xbyak.h>
#pragma GCC diagnostic pop

#include "codegen/register_allocation.h"
#include "codegen/target.h"
#include "codegen/vir.h"

namespace vivace::codegen {

/// The scalar registers that kernels may use, the caller-saved ones first.
inline constexpr int kScalarRegisterCount = 15;
inline constexpr int kArgumentsScalar = 8;  // rdi

/// What a table in the constants after the code holds.
enum class PoolKind : std::uint8_t {
  kWide,       // 32 bytes: the word eight times
  kWideLanes,  // 64 bytes: 0 .. 15, four bytes each
  kLanes,      // 16 bytes: 0 .. 15
  kWord,       // four bytes
};

class Assembler : public Xbyak::CodeGenerator {
 public:
  Assembler(std::byte* buffer, std::size_t size) : CodeGenerator(size, buffer) {}

  /// Emits the whole kernel from the start of the buffer. kUnsupported, with the instruction, when the target
  /// has no code for an operation.
  Status Run(const Function& function, const Allocation& allocation, const Target& target);
  std::span<const std::uint32_t> line_start() const { return line_start_; }
  std::uint32_t constants_start() const { return constants_start_; }

  // For the rows of the tables: the operands of the current instruction.
  Op op() const { return current_->op; }
  const Target& target() const { return *target_; }
  std::uint16_t Id(int operand) const { return current_->operands[operand]; }
  int PhysicalVector(int operand) const { return allocation_->vectors[Id(operand)]; }
  Xbyak::Reg64 S(int operand) const;
  int Immediate() const { return static_cast<int>(current_->immediate); }
  std::uint32_t Bits() const { return static_cast<std::uint32_t>(current_->immediate); }
  /// [scalar + offset + bytes]
  Xbyak::Address Memory(int operand, int bytes = 0) const {
    return ptr[S(operand) + static_cast<std::size_t>(std::int64_t{Immediate()} + bytes)];
  }

  /// The operand of an instruction that reads the constants; UsePool, called right after the instruction,
  /// says which: its displacement is the four bytes before the last `trailing` ones.
  Xbyak::Address PoolMemory() const { return ptr[rip + 0]; }
  void UsePool(PoolKind kind, std::uint32_t bits = 0, std::uint32_t skip_bytes = 0, std::size_t trailing = 0);

  void ScalarConstant();
  void CopyScalar(const Xbyak::Reg64& d, const Xbyak::Reg64& a) {
    if (d.getIdx() != a.getIdx()) mov(d, a);
  }
  void ScalarAdd();
  void ScalarSub();
  void ScalarSelect(bool smaller);
  void BeginLoop();
  void EndLoop();

 protected:
  /// Called before the first line of each kernel.
  virtual void BeginFunction(const Function& function) = 0;
  /// Emits the current instruction; false when there is no row for it.
  virtual bool EmitVector() = 0;

 private:
  struct OpenLoop {
    const std::uint8_t* body;
    std::size_t exit_displacement;  // offset of the four bytes to patch
    Xbyak::Reg64 counter;
  };
  struct PoolUse {
    std::size_t displacement;  // offset of the four bytes to patch
    std::uint32_t trailing;    // bytes of the instruction after them
    std::uint32_t skip_bytes;  // into the constant
    std::uint32_t bits;
    PoolKind kind;
  };

  void Prologue();
  void Epilogue();
  void Constants();
  std::uint32_t PoolOffset(const PoolUse& use);
  bool IsInnermost() const;

  const Allocation* allocation_ = nullptr;
  const Target* target_ = nullptr;
  const Instruction* current_ = nullptr;
  std::size_t loops_seen_ = 0;
  std::uint32_t constants_start_ = 0;
  std::vector<OpenLoop> loops_;
  std::vector<PoolUse> pool_uses_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pool_;  // of the kind at hand: bits, offset
  std::vector<std::uint32_t> line_start_;
};

/// The vector operations of one instruction set: by operation, the function that emits its instructions, or
/// null.
template <class A>
class VectorTable {
 public:
  using Emit = void (*)(A&);
  struct Row {
    Op op;
    Emit emit;
  };
  constexpr VectorTable(std::initializer_list<Row> rows) {
    for (const Row& row : rows) emit_[static_cast<std::size_t>(row.op)] = row.emit;
  }
  constexpr Emit operator[](Op op) const { return emit_[static_cast<std::size_t>(op)]; }

 private:
  Emit emit_[kOpCount] = {};
};

/// An assembler of the instruction set, writing to `size` bytes at `buffer`.
std::unique_ptr<Assembler> MakeAvx512Assembler(std::byte* buffer, std::size_t size);
std::unique_ptr<Assembler> MakeAvx2Assembler(std::byte* buffer, std::size_t size);

/// The longest code of one operation, its share of the constants included.
inline constexpr std::size_t kAvx512BytesPerInstruction = 160;
inline constexpr std::size_t kAvx2BytesPerInstruction = 448;

}  // namespace vivace::codegen
