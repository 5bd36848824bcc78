// The generator keeps lists of what may be read now, floats and integers apart, and cuts them back where a
// loop ends. Addresses are only ever those of the buffers, and copies that a loop advances by kStride a run.
#include "codegen/random_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <random>
#include <span>
#include <vector>

#include "codegen/differential.h"

namespace vivace::codegen {
namespace {

constexpr int kTemporaries = 3;          // vectors that one step may need beyond those that stay
constexpr std::size_t kMaxVectors = 22;  // that stay, floats and integers together
constexpr std::size_t kMaxIntegers = 4;  // scalars that are not addresses
constexpr std::size_t kMaxLoopDepth = 3;
constexpr int kMaxLoopCount = 4;
constexpr int kStride = 64;  // what a loop's address advances by

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t Bits() { return engine_(); }
  int Below(std::size_t bound) { return static_cast<int>(engine_() % bound); }
  bool OneIn(std::size_t n) { return Below(n) == 0; }
  template <class T>
  const T& Pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(Below(from.size()))];
  }

 private:
  std::mt19937_64 engine_;
};

constexpr std::array<std::uint32_t, 20> kEdgeFloats = {
    0x00000000, 0x80000000, 0x3f800000, 0xbf800000,
    0x3f000000, 0x3fc00000, 0x40200000,  // 0 -0 1 -1 0.5 1.5 2.5
    0x00000001, 0x807fffff, 0x00800000, 0x7f7fffff,
    0xff7fffff, 0x7f800000, 0xff800000,  // denormals, limits, infinities
    0x4f000000, 0xcf000000, 0x4b000001, 0x477ff000,
    0x33000001, 0xffc00000};  // 2^31, -2^31, 2^23+1, f16 limits, default NaN

std::uint32_t RandomFloat(Random& random) {
  if (random.OneIn(8)) return kEdgeFloats[static_cast<std::size_t>(random.Below(kEdgeFloats.size()))];
  const std::uint64_t bits = random.Bits();
  const auto exponent = static_cast<std::uint32_t>(112 + (bits >> 32) % 30);
  return static_cast<std::uint32_t>(bits & 0x807fffff) | exponent << 23;
}

std::uint32_t RandomWord(Random& random) {
  constexpr std::array<std::uint32_t, 8> kEdges = {0,          1,   0xffffffff, 0x7fffffff,
                                                   0x80000000, 255, 256,        0x80808080};
  if (random.OneIn(6)) return kEdges[static_cast<std::size_t>(random.Below(kEdges.size()))];
  return static_cast<std::uint32_t>(random.Bits());
}

class Generator {
 public:
  Generator(std::uint64_t seed, int operations, int vectors)
      : random_(seed),
        operations_(operations),
        max_vectors_(std::min(kMaxVectors, static_cast<std::size_t>(vectors - kTemporaries))),
        builder_(fmt::format("random_{}", seed)) {}

  Function Run() {
    Begin();
    while (steps_ < operations_ || !scopes_.empty()) Step();
    StoreAll();
    return builder_.Take();
  }

 private:
  // What the innermost loop began with, to forget at its end what it wrote first.
  struct Scope {
    std::size_t floats, ints, integers;
    Scalar address;
    RandomBuffer buffer;
    int steps_left;
  };
  struct Pointer {
    Scalar address;
    RandomBuffer buffer;
    bool moves;  // advances with its loop
  };

  void Begin() {
    for (int i = 0; i < kRandomBufferCount; ++i) {
      pointers_.push_back({builder_.Arg(i), static_cast<RandomBuffer>(i), false});
    }
    results_ = pointers_.back().address;
    pointers_.pop_back();
    for (int i = 0; i < kRandomSmallIntegers + kRandomAnyIntegers; ++i) {
      integers_.push_back(builder_.Arg(kRandomBufferCount + i));
    }
    floats_.push_back(builder_.Load(At(RandomBuffer::kFloats, 64)));
    ints_.push_back(builder_.Load(At(RandomBuffer::kInts, 64)));
  }

  void Step() {
    ++steps_;
    if (!scopes_.empty() && --scopes_.back().steps_left < 0) return EndLoop();
    const int choice = random_.Below(100);
    if (choice < 5 && scopes_.size() < kMaxLoopDepth && steps_ < operations_) return BeginLoop();
    if (choice < 25) return LoadStep();
    if (choice < 33) return StoreStep();
    if (choice < 60) return FloatStep();
    if (choice < 85) return IntStep();
    ScalarStep();
  }

  // An address of `bytes` readable and writable bytes.
  Mem At(RandomBuffer buffer, int bytes) {
    std::vector<Pointer> fitting;
    for (const Pointer& pointer : pointers_) {
      if (pointer.buffer == buffer) fitting.push_back(pointer);
    }
    const Pointer& pointer = random_.Pick(fitting);
    const int slack = kRandomBufferBytes - bytes - (pointer.moves ? kMaxLoopCount * kStride : 0);
    const int grain = buffer == RandomBuffer::kInts ? 1 : buffer == RandomBuffer::kHalves ? 2 : 4;
    return {pointer.address, random_.Below(static_cast<std::size_t>(slack / grain + 1)) * grain};
  }

  Vec Float() { return random_.Pick(floats_); }
  Vec Int() { return random_.Pick(ints_); }
  Scalar Integer() { return random_.Pick(integers_); }

  // A destination: an existing register or, while there is room, a new one.
  Vec Target(std::vector<Vec>& kind) {
    if (random_.OneIn(3) || floats_.size() + ints_.size() >= max_vectors_) return random_.Pick(kind);
    fresh_ = true;
    return builder_.NewVec();
  }
  // New registers become readable only after the instruction that writes them.
  void Written(std::vector<Vec>& kind, Vec v) {
    if (fresh_) kind.push_back(v);
    fresh_ = false;
  }
  Vec FloatTarget() { return Target(floats_); }

  void ToInts(Vec v) { Adopt(ints_, v); }
  void ToFloats(Vec v) { Adopt(floats_, v); }
  // A register that the builder made: kept while there is room, else moved into an existing one.
  void Adopt(std::vector<Vec>& kind, Vec v) {
    if (floats_.size() + ints_.size() < max_vectors_ && !random_.OneIn(3)) {
      kind.push_back(v);
    } else {
      builder_.MoveTo(random_.Pick(kind), v);
    }
  }
  void Adopt(Scalar s) {
    if (integers_.size() < kMaxIntegers) {
      integers_.push_back(s);
    } else {
      builder_.CopyTo(Integer(), s);
    }
  }

  void LoadStep();
  void StoreStep();
  void FloatStep();
  void IntStep();
  void DotBf16Step();
  void Dot4NarrowStep();
  void ScalarStep();
  void ScalarLoadStep();
  void BeginLoop();
  void EndLoop();
  void StoreAll();

  Random random_;
  int operations_;
  std::size_t max_vectors_;
  int steps_ = 0;
  bool fresh_ = false;
  Builder builder_;
  Scalar results_;
  std::vector<Pointer> pointers_;
  std::vector<Vec> floats_, ints_;
  std::vector<Scalar> integers_;
  std::vector<Scope> scopes_;
};

void Generator::LoadStep() {
  const auto constant = [this](std::uint32_t bits) { return builder_.ConstBits(bits); };
  switch (random_.Below(16)) {
    case 0:
    case 1:
      return ToFloats(builder_.Load(At(RandomBuffer::kFloats, 64)));
    case 2:
      return ToFloats(builder_.LoadF16(At(RandomBuffer::kHalves, 32)));
    case 3:
      return ToFloats(builder_.Broadcast(At(RandomBuffer::kFloats, 4)));
    case 4:
      return ToFloats(constant(RandomFloat(random_)));
    case 5:
      return builder_.LoadTo(Float(), At(RandomBuffer::kFloats, 64));
    case 6:
      return builder_.ZeroTo(random_.OneIn(2) ? Float() : Int());
    case 7:
      return ToInts(builder_.Load(At(RandomBuffer::kInts, 64)));
    case 8:
      return ToInts(builder_.LoadU8(At(RandomBuffer::kInts, 16)));
    case 9:
      return ToInts(builder_.LoadS8(At(RandomBuffer::kInts, 16)));
    case 10:
      return ToInts(builder_.Broadcast(At(RandomBuffer::kInts, 4)));
    case 11:
      return ToInts(constant(RandomWord(random_)));
    case 12:
      return ToInts(builder_.Iota());
    case 13:
      return ToFloats(builder_.LoadBf16(At(RandomBuffer::kHalves, 32)));
    case 14:
      return ToFloats(builder_.LoadPartial(At(RandomBuffer::kFloats, 64), Integer()));
    default:
      return ToInts(builder_.Splat(Integer()));
  }
}

void Generator::StoreStep() {
  switch (random_.Below(12)) {
    case 0:
      return builder_.Store(At(RandomBuffer::kFloats, 64), Float());
    case 1:
      return builder_.Store(At(RandomBuffer::kInts, 64), random_.OneIn(3) ? Float() : Int());
    case 2:
      return builder_.StoreF16(At(RandomBuffer::kHalves, 32), Float());
    case 3:
      return builder_.StoreU8(At(RandomBuffer::kInts, 16), Int());
    case 4:
      return builder_.Store64(At(RandomBuffer::kInts, 8), Integer());
    case 5:
      return builder_.Store32(At(RandomBuffer::kInts, 4), Integer());
    case 6:
      return builder_.Store16(At(RandomBuffer::kInts, 2), Integer());
    case 7:
      return builder_.StorePartial(At(RandomBuffer::kInts, 64), Int(), Integer());
    case 8:  // not among the f16: an infinity of bf16 is a NaN of f16
      return builder_.StoreBf16(At(RandomBuffer::kInts, 32), Float());
    case 9:
      return builder_.Store8(At(RandomBuffer::kInts, 1), Integer());
    case 10:
      return builder_.Prefetch0(At(RandomBuffer::kInts, 1));
    default:
      return builder_.Prefetch1(At(RandomBuffer::kFloats, 1));
  }
}

void Generator::FloatStep() {
  constexpr std::array<Op, 6> kBinary = {Op::kAdd, Op::kSub, Op::kMul, Op::kDiv, Op::kMin, Op::kMax};
  constexpr std::array<Op, 6> kUnary = {Op::kSqrt,     Op::kRound,    Op::kSumLanes,
                                        Op::kMaxLanes, Op::kMinLanes, Op::kMove};
  const int choice = random_.Below(14);
  if (choice < 5) {
    const Op op = kBinary[static_cast<std::size_t>(random_.Below(kBinary.size()))];
    const Vec d = FloatTarget();
    builder_.BinaryTo(op, d, Float(), Float());
    return Written(floats_, d);
  }
  if (choice < 8) {
    const Op op = kUnary[static_cast<std::size_t>(random_.Below(kUnary.size()))];
    const Vec d = FloatTarget();
    builder_.UnaryTo(op, d, Float());
    return Written(floats_, d);
  }
  switch (choice) {
    case 8:
      return builder_.Fma(Float(), Float(), Float());
    case 9:
      return builder_.Fnma(Float(), Float(), Float());
    case 10:
      return builder_.FmaBroadcast(Float(), Float(), At(RandomBuffer::kFloats, 4));
    case 11:
      return ToFloats(builder_.MulBroadcast(Float(), At(RandomBuffer::kFloats, 4)));
    case 12:
      return DotBf16Step();
    default:
      return random_.OneIn(2) ? ToFloats(builder_.SelectLess(Float(), Float(), Float(), Float()))
                              : ToFloats(builder_.SelectLessInt(Int(), Int(), Float(), Float()));
  }
}

void Generator::IntStep() {
  constexpr std::array<Op, 6> kBinary = {Op::kAddInt, Op::kSubInt, Op::kMulInt, Op::kAnd, Op::kOr, Op::kXor};
  const int choice = random_.Below(17);
  if (choice < 4) {
    const Op op = kBinary[static_cast<std::size_t>(random_.Below(kBinary.size()))];
    const Vec d = Target(ints_);
    builder_.BinaryTo(op, d, Int(), Int());
    return Written(ints_, d);
  }
  switch (choice) {
    case 4:
      return ToInts(builder_.ShiftLeft(Int(), random_.Below(32)));
    case 5:
      return builder_.ShiftRightTo(Int(), Int(), random_.Below(32));
    case 6:
    case 7:
      return builder_.Dot4(Int(), Int(), Int());
    case 8:
      return builder_.Dot2(Int(), Int(), Int());
    case 9:
      return builder_.Dot2Broadcast(Int(), Int(), At(RandomBuffer::kInts, 4));
    case 10:
      return ToInts(builder_.Unary(Op::kToInt, Float()));
    case 11:
      return ToFloats(builder_.Unary(Op::kToFloat, Int()));
    case 12:
      return ToInts(builder_.ShiftRightArithmetic(Int(), random_.Below(32)));
    case 13:
      return builder_.OrAnd(Int(), Int(), Int());
    case 14:
      return Dot4NarrowStep();
    case 15:
      return ToInts(builder_.SelectLessInt(Int(), Int(), Int(), Int()));
    default:
      return ToInts(builder_.SelectLess(Float(), Float(), Int(), Int()));
  }
}

// The pairs' topmost exponent bits are cleared: numbers under 2, no NaN.
void Generator::DotBf16Step() {
  const Vec pairs = builder_.And(Int(), builder_.ConstBits(0xbfffbfff));
  if (random_.OneIn(2)) return builder_.DotBf16(Float(), pairs, pairs);
  builder_.DotBf16Broadcast(Float(), pairs, At(RandomBuffer::kHalves, 4));  // no half is a NaN of bf16
}

// Keeps the promise of -64..64: the sign of each byte also in the bit below it.
void Generator::Dot4NarrowStep() {
  const Vec values = builder_.And(Int(), builder_.ConstBits(0xbfbfbfbf));
  const Vec signs = builder_.And(values, builder_.ConstBits(0x80808080));
  builder_.BinaryTo(Op::kOr, values, values, builder_.ShiftRight(signs, 1));
  builder_.Dot4Narrow(Int(), Int(), values);
}

void Generator::ScalarStep() {
  const auto immediate = static_cast<std::int32_t>(RandomWord(random_));
  switch (random_.Below(15)) {
    case 0:
      return Adopt(builder_.ScalarAdd(Integer(), Integer()));
    case 1:
      return Adopt(builder_.ScalarSub(Integer(), Integer()));
    case 2:
      return Adopt(builder_.ScalarMin(Integer(), Integer()));
    case 3:
      return Adopt(builder_.ScalarMax(Integer(), Integer()));
    case 4:
      return Adopt(builder_.AddImm(Integer(), immediate));
    case 5:
      return Adopt(builder_.MulImm(Integer(), immediate));
    case 6:
      return Adopt(builder_.ShiftLeft(Integer(), random_.Below(64)));
    case 7:
      return Adopt(builder_.ShiftRight(Integer(), random_.Below(64)));
    case 8:
      return Adopt(builder_.AndImm(Integer(), immediate & 0x7fffffff));
    case 9:
      return Adopt(
          builder_.ScalarConst(random_.OneIn(2) ? immediate : static_cast<std::int64_t>(random_.Bits())));
    case 10:
      return Adopt(builder_.Copy(Integer()));
    case 11:
      return builder_.Bump(Integer(), immediate);
    case 12:
      return builder_.BumpBy(Integer(), Integer());
    default:
      return ScalarLoadStep();
  }
}

void Generator::ScalarLoadStep() {
  switch (random_.Below(4)) {
    case 0:
      return Adopt(builder_.Load64(At(RandomBuffer::kInts, 8)));
    case 1:
      return Adopt(builder_.Load32(At(RandomBuffer::kInts, 4)));
    case 2:
      return Adopt(builder_.Load16(At(RandomBuffer::kInts, 2)));
    default:
      return Adopt(builder_.Load8(At(RandomBuffer::kInts, 1)));
  }
}

void Generator::BeginLoop() {
  Scope scope{floats_.size(),        ints_.size(),         integers_.size(), {},
              RandomBuffer::kFloats, 2 + random_.Below(12)};
  scope.buffer = static_cast<RandomBuffer>(random_.Below(kRandomBufferCount - 1));
  scope.address = builder_.Copy(pointers_[static_cast<std::size_t>(scope.buffer)].address);
  const Scalar limit = builder_.ScalarConst(random_.Below(kMaxLoopCount + 2) - 1);
  // A count from outside is bounded, but may be zero or negative.
  builder_.Loop(random_.OneIn(2) ? limit : builder_.ScalarMin(limit, Integer()));
  pointers_.push_back({scope.address, scope.buffer, true});
  scopes_.push_back(scope);
}

void Generator::EndLoop() {
  const Scope scope = scopes_.back();
  scopes_.pop_back();
  builder_.Bump(scope.address, kStride);
  builder_.End();
  pointers_.pop_back();
  floats_.resize(scope.floats);
  ints_.resize(scope.ints);
  integers_.resize(scope.integers);
}

void Generator::StoreAll() {
  int offset = 0;
  for (const std::vector<Vec>* kind : {&floats_, &ints_}) {
    for (const Vec v : *kind) {
      builder_.Store({results_, offset}, v);
      offset += 64;
    }
  }
  for (const Scalar s : integers_) {
    builder_.Store64({results_, offset}, s);
    offset += 8;
  }
}

}  // namespace

Function MakeRandomProgram(std::uint64_t seed, int operations, int vectors) {
  return Generator(seed, operations, vectors).Run();
}

Status CheckRandomProgram(std::uint64_t seed, int operations, const Target& target) {
  Random random(seed ^ 0x5eed);
  const std::array<GuardedBuffer, kRandomBufferCount> memory = {
      GuardedBuffer(kRandomBufferBytes), GuardedBuffer(kRandomBufferBytes), GuardedBuffer(kRandomBufferBytes),
      GuardedBuffer(kRandomBufferBytes)};
  for (std::uint32_t& word : memory[0].as<std::uint32_t>()) word = RandomFloat(random);
  for (std::uint32_t& word : memory[1].as<std::uint32_t>()) word = RandomWord(random);
  for (std::uint16_t& half : memory[2].as<std::uint16_t>()) {
    half = static_cast<std::uint16_t>(random.Bits());
    if ((half & 0x7c00) == 0x7c00) half &= 0xfc00;  // infinity for any NaN
  }
  std::vector<std::int64_t> arguments;
  std::vector<std::span<std::byte>> buffers;
  for (const GuardedBuffer& buffer : memory) {
    arguments.push_back(buffer.address());
    buffers.push_back(buffer.bytes());
  }
  for (int i = 0; i < kRandomSmallIntegers; ++i) arguments.push_back(random.Below(6) - 2);
  for (int i = 0; i < kRandomAnyIntegers; ++i) arguments.push_back(static_cast<std::int64_t>(random.Bits()));
  const Function function = MakeRandomProgram(seed, operations, target.CanRun() ? target.vectors : 30);
  const Status status = CompareWithInterpreter(function, arguments, buffers, target);
  if (status.ok()) return status;
  return {status.code(),
          fmt::format("seed {}, {} operations: {}\n{}", seed, operations, status.message(), Print(function))};
}

}  // namespace vivace::codegen
