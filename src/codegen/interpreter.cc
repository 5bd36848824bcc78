// The interpreter: one C++ statement per operation and lane, in the order and with the corner cases of the
// instructions that the emitter picks (minps order, the first NaN operand wins, conversions saturate to
// 0x80000000). Reentrant.
#include "codegen/interpreter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "codegen/lane_arithmetic.h"
#include "codegen/tile_unit.h"

namespace vivace::codegen {
namespace {

using namespace lane;

constexpr int kLanes = 16;
using Lanes = std::array<std::uint32_t, kLanes>;

template <class F>
Lanes Tree(Lanes lanes, F f) {
  for (std::size_t step = kLanes / 2; step > 0; step /= 2) {
    for (std::size_t i = 0; i < step; ++i) lanes[i] = f(lanes[i], lanes[i + step]);
  }
  lanes.fill(lanes[0]);
  return lanes;
}

class Machine {
 public:
  Machine(const Function& function, std::span<const std::int64_t> arguments)
      : function_(function), arguments_(arguments), vectors_(function.vectors), scalars_(function.scalars) {}

  void Run() {
    for (pc_ = 0; pc_ < function_.code.size(); ++pc_) Step(function_.code[pc_]);
  }

 private:
  struct ActiveLoop {
    std::size_t begin;  // index of the loop instruction
    std::int64_t left;  // runs of the body still to do, this one included
  };

  Lanes& V(int i) { return vectors_[current_->operands[i]]; }
  std::int64_t& S(int i) { return scalars_[current_->operands[i]]; }
  std::uint64_t Unsigned(int i) { return static_cast<std::uint64_t>(S(i)); }

  // The address [scalar of operand i + immediate].
  std::byte* Address(int i) {
    return std::bit_cast<std::byte*>(Unsigned(i) + static_cast<std::uint64_t>(current_->immediate));
  }
  template <class T>
  T Read(int i, std::size_t element = 0) {
    T value;
    std::memcpy(&value, Address(i) + element * sizeof(T), sizeof(T));
    return value;
  }
  template <class T>
  void Write(int i, T value, std::size_t element = 0) {
    std::memcpy(Address(i) + element * sizeof(T), &value, sizeof(T));
  }

  // Each lane of operand 0 = f(lane index).
  template <class F>
  void Each(F f) {
    Lanes result;
    for (std::size_t i = 0; i < kLanes; ++i) result[i] = f(i);
    V(0) = result;
  }
  template <class F>
  void Unary(F f) {
    Each([&](std::size_t i) { return f(V(1)[i]); });
  }
  template <class F>
  void Binary(F f) {
    Each([&](std::size_t i) { return f(V(1)[i], V(2)[i]); });
  }
  template <class T, class F>
  void LoadEach(F f) {
    Each([&](std::size_t i) { return f(Read<T>(1, i)); });
  }
  template <class T, class F>
  void StoreEach(F f) {
    for (std::size_t i = 0; i < kLanes; ++i) Write<T>(0, f(V(1)[i]), i);
  }
  // How many lanes a partial load or store moves; operand i has the count.
  std::size_t PartialLanes(int i) {
    const auto count = static_cast<std::int32_t>(S(i));
    return static_cast<std::size_t>(std::clamp(count, 0, kLanes));
  }
  template <class F>
  void SetScalar(F f) {
    S(0) = static_cast<std::int64_t>(f());
  }

  void Step(const Instruction& instruction) {
    current_ = &instruction;
    if (IsTileOp(instruction.op)) return StepTile();
    if (instruction.op == Op::kLoop || instruction.op == Op::kEnd) return StepControl();
    if (instruction.op >= Op::kArg) return StepScalar();
    if (instruction.op < Op::kAdd) return StepMove();
    StepArithmetic();
  }

  void StepMove();
  void StepArithmetic();
  void StepDot();
  void StepScalar();
  void StepTile();
  void StepControl();

  const Function& function_;
  std::span<const std::int64_t> arguments_;
  std::vector<Lanes> vectors_;
  std::vector<std::int64_t> scalars_;
  std::vector<ActiveLoop> loops_;
  TileUnit tiles_;
  std::size_t pc_ = 0;
  const Instruction* current_ = nullptr;
};

void Machine::StepMove() {
  const auto immediate = static_cast<std::uint32_t>(current_->immediate);
  switch (current_->op) {
    case Op::kConst:
      return V(0).fill(immediate);
    case Op::kIota:
      return Each([](std::size_t i) { return static_cast<std::uint32_t>(i); });
    case Op::kSplat:
      return V(0).fill(static_cast<std::uint32_t>(S(1)));
    case Op::kMove:
      V(0) = V(1);
      return;
    case Op::kLoad:
      return LoadEach<std::uint32_t>([](std::uint32_t x) { return x; });
    case Op::kLoadF16:
      return LoadEach<std::uint16_t>(FromF16);
    case Op::kLoadBf16:
      return LoadEach<std::uint16_t>([](std::uint16_t x) { return std::uint32_t{x} << 16; });
    case Op::kLoadU8:
      return LoadEach<std::uint8_t>([](std::uint8_t x) { return std::uint32_t{x}; });
    case Op::kLoadS8:
      return LoadEach<std::int8_t>([](std::int8_t x) { return static_cast<std::uint32_t>(std::int32_t{x}); });
    case Op::kBroadcast:
      return V(0).fill(Read<std::uint32_t>(1));
    case Op::kLoadPartial: {
      const std::size_t count = PartialLanes(2);
      return Each([&](std::size_t i) { return i < count ? Read<std::uint32_t>(1, i) : 0u; });
    }
    case Op::kStore:
      return StoreEach<std::uint32_t>([](std::uint32_t x) { return x; });
    case Op::kStoreF16:
      return StoreEach<std::uint16_t>([](std::uint32_t x) { return tensor::F32ToF16(AsFloat(x)); });
    case Op::kStoreBf16:
      return StoreEach<std::uint16_t>(ToBf16);
    case Op::kStorePartial:
      for (std::size_t i = 0; i < PartialLanes(2); ++i) Write<std::uint32_t>(0, V(1)[i], i);
      return;
    case Op::kStoreU8:
      return StoreEach<std::uint8_t>([](std::uint32_t x) {
        return static_cast<std::uint8_t>(AsInt(x) < 0 ? 0 : AsInt(x) > 255 ? 255 : AsInt(x));
      });
    case Op::kPrefetch0:
    case Op::kPrefetch1:
      return;
    default:
      VIVACE_CHECK(!"not a move");
  }
}

void Machine::StepArithmetic() {
  const auto bits = static_cast<int>(current_->immediate & 31);
  switch (current_->op) {
    case Op::kAdd:
      return Binary(Add);
    case Op::kSub:
      return Binary(Sub);
    case Op::kMul:
      return Binary(Mul);
    case Op::kDiv:
      return Binary(Div);
    case Op::kMin:
      return Binary(Min);
    case Op::kMax:
      return Binary(Max);
    case Op::kSqrt:
      return Unary(Sqrt);
    case Op::kFma:
      return Each([&](std::size_t i) { return Fma(V(0)[i], V(1)[i], V(2)[i]); });
    case Op::kFnma:
      return Each([&](std::size_t i) { return Fma(V(0)[i], V(1)[i], V(2)[i], true); });
    case Op::kFmaBroadcast: {
      const auto b = Read<std::uint32_t>(2);
      return Each([&](std::size_t i) { return Fma(V(0)[i], V(1)[i], b); });
    }
    case Op::kMulBroadcast: {
      const auto b = Read<std::uint32_t>(2);
      return Unary([b](std::uint32_t a) { return Mul(a, b); });
    }
    case Op::kRound:
      return Unary(Round);
    case Op::kToInt:
      return Unary(ToInt);
    case Op::kToFloat:
      return Unary(ToFloat);
    case Op::kSumLanes:
      V(0) = Tree(V(1), Add);
      return;
    case Op::kMaxLanes:
      V(0) = Tree(V(1), Max);
      return;
    case Op::kMinLanes:
      V(0) = Tree(V(1), Min);
      return;
    case Op::kSelectLess:
      return Each([&](std::size_t i) { return AsFloat(V(1)[i]) < AsFloat(V(2)[i]) ? V(3)[i] : V(4)[i]; });
    case Op::kSelectLessInt:
      return Each([&](std::size_t i) { return AsInt(V(1)[i]) < AsInt(V(2)[i]) ? V(3)[i] : V(4)[i]; });
    case Op::kAddInt:
      return Binary([](std::uint32_t a, std::uint32_t b) { return a + b; });
    case Op::kSubInt:
      return Binary([](std::uint32_t a, std::uint32_t b) { return a - b; });
    case Op::kMulInt:
      return Binary([](std::uint32_t a, std::uint32_t b) { return a * b; });
    case Op::kAnd:
      return Binary([](std::uint32_t a, std::uint32_t b) { return a & b; });
    case Op::kOr:
      return Binary([](std::uint32_t a, std::uint32_t b) { return a | b; });
    case Op::kXor:
      return Binary([](std::uint32_t a, std::uint32_t b) { return a ^ b; });
    case Op::kShiftLeft:
      return Unary([bits](std::uint32_t a) { return a << bits; });
    case Op::kShiftRight:
      return Unary([bits](std::uint32_t a) { return a >> bits; });
    case Op::kShiftRightArithmetic:
      return Unary([bits](std::uint32_t a) { return static_cast<std::uint32_t>(AsInt(a) >> bits); });
    case Op::kOrAnd:
      return Each([&](std::size_t i) { return V(0)[i] | (V(1)[i] & V(2)[i]); });
    default:
      StepDot();
  }
}

void Machine::StepDot() {
  switch (current_->op) {
    case Op::kDot4:
      return Each([&](std::size_t i) { return Dot4(V(0)[i], V(1)[i], V(2)[i]); });
    case Op::kDot2:
      return Each([&](std::size_t i) { return Dot2(V(0)[i], V(1)[i], V(2)[i]); });
    case Op::kDot2Broadcast: {
      const auto b = Read<std::uint32_t>(2);
      return Each([&](std::size_t i) { return Dot2(V(0)[i], V(1)[i], b); });
    }
    case Op::kDot4Narrow:
      return Each([&](std::size_t i) { return Dot4Narrow(V(0)[i], V(1)[i], V(2)[i]); });
    case Op::kDotBf16:
      return Each([&](std::size_t i) { return DotBf16(V(0)[i], V(1)[i], V(2)[i]); });
    case Op::kDotBf16Broadcast: {
      const auto b = Read<std::uint32_t>(2);
      return Each([&](std::size_t i) { return DotBf16(V(0)[i], V(1)[i], b); });
    }
    default:
      VIVACE_CHECK(!"not vector arithmetic");
  }
}

void Machine::StepScalar() {
  const std::int64_t immediate = current_->immediate;
  const auto wrapping = static_cast<std::uint64_t>(immediate);
  switch (current_->op) {
    case Op::kArg:
      VIVACE_CHECK(wrapping < arguments_.size());
      S(0) = arguments_[wrapping];
      return;
    case Op::kScalarConst:
      S(0) = immediate;
      return;
    case Op::kScalarMove:
      S(0) = S(1);
      return;
    case Op::kScalarLoad64:
      S(0) = Read<std::int64_t>(1);
      return;
    case Op::kScalarLoad32:
      S(0) = Read<std::int32_t>(1);
      return;
    case Op::kScalarLoad16:
      S(0) = Read<std::uint16_t>(1);
      return;
    case Op::kScalarLoad8:
      S(0) = Read<std::uint8_t>(1);
      return;
    case Op::kScalarStore64:
      return Write<std::int64_t>(0, S(1));
    case Op::kScalarStore32:
      return Write<std::uint32_t>(0, static_cast<std::uint32_t>(S(1)));
    case Op::kScalarStore16:
      return Write<std::uint16_t>(0, static_cast<std::uint16_t>(S(1)));
    case Op::kScalarStore8:
      return Write<std::uint8_t>(0, static_cast<std::uint8_t>(S(1)));
    case Op::kScalarAdd:
      return SetScalar([&] { return Unsigned(1) + Unsigned(2); });
    case Op::kScalarSub:
      return SetScalar([&] { return Unsigned(1) - Unsigned(2); });
    case Op::kScalarAddImm:
      return SetScalar([&] { return Unsigned(1) + wrapping; });
    case Op::kScalarMulImm:
      return SetScalar([&] { return Unsigned(1) * wrapping; });
    case Op::kScalarShiftLeft:
      return SetScalar([&] { return Unsigned(1) << (wrapping & 63); });
    case Op::kScalarShiftRight:
      return SetScalar([&] { return Unsigned(1) >> (wrapping & 63); });
    case Op::kScalarAndImm:
      return SetScalar([&] { return Unsigned(1) & wrapping; });
    case Op::kScalarMin:
      return SetScalar([&] { return S(1) < S(2) ? S(1) : S(2); });
    case Op::kScalarMax:
      return SetScalar([&] { return S(1) > S(2) ? S(1) : S(2); });
    default:
      VIVACE_CHECK(!"not a scalar operation");
  }
}

void Machine::StepTile() {
  const std::uint16_t* tile = current_->operands;
  switch (current_->op) {
    case Op::kTileConfigure:
      return tiles_.Configure(Address(0));
    case Op::kTileRelease:
      return tiles_.Release();
    case Op::kTileZero:
      return tiles_.Zero(tile[0]);
    case Op::kTileLoad:
      return tiles_.Load(tile[0], Address(1), S(2));
    case Op::kTileStore:
      return tiles_.Store(Address(0), S(2), tile[1]);
    case Op::kTileDot4:
      return tiles_.Dot4(tile[0], tile[1], tile[2]);
    case Op::kTileDotBf16:
      return tiles_.DotBf16(tile[0], tile[1], tile[2]);
    default:
      VIVACE_CHECK(!"not a tile operation");
  }
}

void Machine::StepControl() {
  if (current_->op == Op::kLoop) {
    const std::int64_t count = S(0);
    if (count > 0) {
      loops_.push_back({pc_, count});
      return;
    }
    for (int depth = 1; depth > 0;) {  // skip to the matching end
      ++pc_;
      VIVACE_CHECK(pc_ < function_.code.size());
      if (function_.code[pc_].op == Op::kLoop) ++depth;
      if (function_.code[pc_].op == Op::kEnd) --depth;
    }
    return;
  }
  VIVACE_CHECK(!loops_.empty());
  if (--loops_.back().left > 0) {
    pc_ = loops_.back().begin;
  } else {
    loops_.pop_back();
  }
}

}  // namespace

void Interpret(const Function& function, std::span<const std::int64_t> arguments) {
  Machine(function, arguments).Run();
}

}  // namespace vivace::codegen
