// The vector IR: a flat array of fixed-size instructions over mutable virtual registers, with counted loops
// and no other control flow. Kernels are written once with Builder; the same Function runs in the interpreter
// (the oracle) and as machine code.
//
// A kernel is called as  void kernel(const std::int64_t* arguments);  pointers travel as integers.
// Memory operands are one scalar register plus a constant byte offset. Registers must be written before they
// are read, on the straight line through the function (a loop body counts as run once); the verifier refuses
// anything else. Plain values; no thread safety needed.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::codegen {

enum class Op : std::uint8_t {
#define VIR_OP(id, text, pattern) id,
#include "codegen/vir_ops.def"
#undef VIR_OP
};

inline constexpr int kOpCount = 0
#define VIR_OP(id, text, pattern) +1
#include "codegen/vir_ops.def"
#undef VIR_OP
    ;
inline constexpr bool IsTileOp(Op op) {
  return op >= Op::kTileConfigure;
}

/// Name and operand pattern of an operation (see vir_ops.def).
struct OpRow {
  Op op;
  std::string_view text;
  std::string_view pattern;
};
const OpRow& Row(Op op);

/// Virtual vector register: 16 lanes of 32 bits.
struct Vec {
  std::uint16_t id = 0;
};
/// Virtual scalar register: 64 bits.
struct Scalar {
  std::uint16_t id = 0;
};
/// [base + offset]
struct Mem {
  Scalar base;
  std::int32_t offset = 0;
};

/// Tile register of AMX, 0 .. 7. The author of a kernel gives the numbers; the allocator knows nothing of
/// them.
struct Tile {
  std::uint16_t id = 0;
};
inline constexpr int kTiles = 8;

/// Shapes of the tiles as kTileConfigure reads them (LDTILECFG, palette 1). A tile of no rows is not used.
/// The operands of d += a * b: d has a's rows and b's row_bytes, a has 4 * b.rows row_bytes.
struct TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

/// One instruction. operands[] holds register ids in the order of the op's pattern (a memory operand
/// contributes its base register); immediate holds the immediate or the memory offset (no op has both).
struct Instruction {
  Op op;
  std::uint16_t operands[5] = {};
  std::int64_t immediate = 0;
};

struct Function {
  std::string name;
  std::uint16_t vectors = 0;  // virtual registers used: ids 0 .. vectors-1
  std::uint16_t scalars = 0;
  std::vector<Instruction> code;
};

/// Textual form, one instruction a line, loop bodies indented: "v3 = fma.bc v1, [s0 + 64]". Parses back to
/// the same Function.
std::string Print(const Function& function);
/// One instruction as Print shows it, without indentation.
std::string PrintLine(const Instruction& instruction);
Result<Function> Parse(std::string_view text);
/// Structure, register ids, immediates, balanced loops, written before read. The message names the line.
Status Verify(const Function& function);

/// Appends instructions. Methods named like an op return a fresh register; the ...To forms write an existing
/// one (loop-carried values, accumulators).
class Builder {
 public:
  explicit Builder(std::string name) { function_.name = std::move(name); }

  Vec NewVec() { return {function_.vectors++}; }
  Scalar NewScalar() { return {function_.scalars++}; }

  // Constants
  Vec Const(float value) { return ConstBits(std::bit_cast<std::uint32_t>(value)); }
  Vec ConstInt(std::int32_t value) { return ConstBits(static_cast<std::uint32_t>(value)); }
  Vec ConstBits(std::uint32_t bits);
  void ConstTo(Vec d, float value);
  void ZeroTo(Vec d) { ConstTo(d, 0.0f); }  // also integer zero
  Vec Iota();
  Vec Splat(Scalar s);
  void MoveTo(Vec d, Vec a);

  // Memory
  Vec Load(Mem m);
  Vec LoadF16(Mem m);
  Vec LoadBf16(Mem m);
  Vec LoadU8(Mem m);
  Vec LoadS8(Mem m);
  Vec Broadcast(Mem m);
  /// The first min(max(n, 0), 16) lanes, the others 0; memory past them is not touched. n is 32 bits.
  Vec LoadPartial(Mem m, Scalar n);
  void LoadTo(Vec d, Mem m);
  void LoadF16To(Vec d, Mem m);
  void LoadBf16To(Vec d, Mem m);
  void BroadcastTo(Vec d, Mem m);
  void Store(Mem m, Vec v);
  void StoreF16(Mem m, Vec v);
  void StoreBf16(Mem m, Vec v);
  void StoreU8(Mem m, Vec v);
  /// The first min(max(n, 0), 16) lanes; memory past them is not touched. n is 32 bits.
  void StorePartial(Mem m, Vec v, Scalar n);
  void Prefetch0(Mem m);
  void Prefetch1(Mem m);

  // Any two-operand vector op: kAdd, kSub, kMul, kDiv, kMin, kMax, kAddInt, kSubInt, kMulInt, kAnd,
  // kOr, kXor
  Vec Binary(Op op, Vec a, Vec b);
  void BinaryTo(Op op, Vec d, Vec a, Vec b);
  Vec Add(Vec a, Vec b) { return Binary(Op::kAdd, a, b); }
  Vec Sub(Vec a, Vec b) { return Binary(Op::kSub, a, b); }
  Vec Mul(Vec a, Vec b) { return Binary(Op::kMul, a, b); }
  Vec Div(Vec a, Vec b) { return Binary(Op::kDiv, a, b); }
  Vec Min(Vec a, Vec b) { return Binary(Op::kMin, a, b); }
  Vec Max(Vec a, Vec b) { return Binary(Op::kMax, a, b); }
  Vec And(Vec a, Vec b) { return Binary(Op::kAnd, a, b); }
  Vec AddInt(Vec a, Vec b) { return Binary(Op::kAddInt, a, b); }
  Vec SubInt(Vec a, Vec b) { return Binary(Op::kSubInt, a, b); }
  Vec MulInt(Vec a, Vec b) { return Binary(Op::kMulInt, a, b); }
  Vec Or(Vec a, Vec b) { return Binary(Op::kOr, a, b); }
  Vec Xor(Vec a, Vec b) { return Binary(Op::kXor, a, b); }
  // One-operand: kSqrt, kRound, kToInt, kToFloat, kSumLanes, kMaxLanes, kMinLanes
  Vec Unary(Op op, Vec a);
  void UnaryTo(Op op, Vec d, Vec a);
  Vec ShiftLeft(Vec a, int bits);
  Vec ShiftRight(Vec a, int bits);
  void ShiftRightTo(Vec d, Vec a, int bits);
  Vec ShiftRightArithmetic(Vec a, int bits);
  void ShiftRightArithmeticTo(Vec d, Vec a, int bits);
  Vec MulBroadcast(Vec a, Mem m);
  Vec SelectLess(Vec a, Vec b, Vec x, Vec y);
  Vec SelectLessInt(Vec a, Vec b, Vec x, Vec y);

  // Accumulating: d is read and written
  void Fma(Vec d, Vec a, Vec b);
  void Fnma(Vec d, Vec a, Vec b);
  void FmaBroadcast(Vec d, Vec a, Mem m);
  void OrAnd(Vec d, Vec a, Vec b);  // d |= a & b
  void Dot4(Vec d, Vec u8, Vec s8);
  /// Dot4 whose author promises that every s8 is in -64..64.
  void Dot4Narrow(Vec d, Vec u8, Vec s8);
  void Dot2(Vec d, Vec a, Vec b);
  void Dot2Broadcast(Vec d, Vec a, Mem m);
  /// Only where Target::bf16_dot makes it worth it; exact everywhere.
  void DotBf16(Vec d, Vec a, Vec b);
  void DotBf16Broadcast(Vec d, Vec a, Mem m);

  // Tiles, where Target::amx_int8 (TileDot4) or amx_bf16 (TileDotBf16). Configure first, release last.
  void TileConfigure(Mem config);
  void TileRelease();
  void TileZero(Tile d);
  void TileLoad(Tile d, Mem m, Scalar stride);  // bytes from row to row
  void TileStore(Mem m, Tile v, Scalar stride);
  void TileDot4(Tile d, Tile u8, Tile s8);
  void TileDotBf16(Tile d, Tile a, Tile b);

  // Scalars
  Scalar Arg(int index);
  Scalar ScalarConst(std::int64_t value);
  Scalar Copy(Scalar s);
  void CopyTo(Scalar d, Scalar s);
  Scalar Load64(Mem m);
  Scalar Load32(Mem m);
  Scalar Load16(Mem m);
  Scalar Load8(Mem m);
  void Store64(Mem m, Scalar s);
  void Store32(Mem m, Scalar s);
  void Store16(Mem m, Scalar s);
  void Store8(Mem m, Scalar s);
  Scalar ScalarAdd(Scalar a, Scalar b);
  Scalar ScalarSub(Scalar a, Scalar b);
  Scalar ScalarMin(Scalar a, Scalar b);
  Scalar ScalarMax(Scalar a, Scalar b);
  Scalar AddImm(Scalar a, std::int64_t value);
  Scalar MulImm(Scalar a, std::int64_t value);
  Scalar ShiftLeft(Scalar a, int bits);
  Scalar ShiftRight(Scalar a, int bits);
  Scalar AndImm(Scalar a, std::int64_t value);
  void Bump(Scalar s, std::int64_t bytes);  // s += bytes, in place
  void BumpBy(Scalar s, Scalar bytes);      // s += bytes, in place

  // Control
  void Loop(Scalar count);  // until the matching End
  void Loop(std::int64_t count) { Loop(ScalarConst(count)); }
  void End();

  Function Take() { return std::move(function_); }

 private:
  void Append(Op op, std::initializer_list<std::uint16_t> operands, std::int64_t immediate = 0);
  Function function_;
};

}  // namespace vivace::codegen
