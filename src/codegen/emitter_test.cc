// Each operation alone: machine code against the interpreter, over edge values and over every way in which
// its operands can share a register; then what only whole kernels show.
#include "codegen/emitter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <random>
#include <string>
#include <vector>

#include "codegen/differential.h"
#include "codegen/interpreter.h"
#include "codegen/kernel_library.h"
#include "codegen/target_fixture.h"

namespace vivace::codegen {
namespace {

constexpr std::size_t kInputBytes = 1024;
constexpr std::size_t kOutputBytes = 1024;

constexpr std::uint32_t kOtherNan = 0x7fff8000;

// Ordinary numbers, denormals, infinities, ties, conversion limits, and NaN (the default one, so that it does
// not matter which of two NaN operands an instruction passes on).
constexpr std::array<std::uint32_t, 32> kEdges = {
    0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x3f000000, 0x3fc00000, 0x40200000, 0xbf000000,
    0x00000001, 0x807fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
    0x4f000000, 0xcf000000, 0x4effffff, 0x4b000001, 0x477fe000, 0x477ff000, 0x477fefff, 0x33000000,
    0x33000001, 0x387fc000, 0xffc00000, 0x42fe0000, 0x437f0000, 0x43800000, 0x80ff7f01, kOtherNan};

// Bytes in -64..64 for an operation that its author promises them to.
std::uint32_t KeepPromise(Op op, std::uint32_t word) {
  if (op != Op::kDot4Narrow) return word;
  std::uint32_t narrow = 0;
  for (int shift = 0; shift < 32; shift += 8) {
    const int value = static_cast<std::int8_t>(word >> shift & 0xff) / 2;
    narrow |= static_cast<std::uint32_t>(value & 0xff) << shift;
  }
  return word == 0 ? 0x40404040 : narrow;
}

// What an emulator gets right: ones (also as f16) for f16, one kind of NaN for the others.
std::uint32_t ForEmulator(Op op, std::uint32_t word) {
  if (!IsEmulated()) return word;
  if (op == Op::kLoadF16 || op == Op::kStoreF16) return word % 2 == 0 ? 0x3c003c00 : 0xbc003c00;
  return word == kOtherNan ? 0xffc00000 : word;
}

// A kernel with the operation `op` once. Its vector operands are drawn from three registers and its scalars
// from three, so that they alias; results are stored, and in half of the programs the sources, too, so that
// they do not die at the operation.
Function OneOperation(Op op, std::mt19937_64& random) {
  Builder builder(std::string("one_") + std::string(Row(op).text));
  const Scalar in = builder.Arg(0);
  const Scalar out = builder.Arg(1);
  std::array<Vec, 3> vectors{};
  std::array<Scalar, 3> scalars{};
  for (int i = 0; i < 3; ++i) {
    vectors[static_cast<std::size_t>(i)] =
        random() % 3 == 0
            ? builder.ConstBits(
                  random() % 4 == 0 ? 0 : KeepPromise(op, ForEmulator(op, kEdges[random() % kEdges.size()])))
            : builder.Load({in, static_cast<int>(random() % 15) * 64});
    scalars[static_cast<std::size_t>(i)] = builder.Load64({in, static_cast<int>(random() % 120) * 8});
  }
  Instruction instruction{op};
  const bool fresh_destination = random() % 2 == 0;
  const Vec new_vector = builder.NewVec();
  const Scalar new_scalar = builder.NewScalar();
  std::size_t operand = 0;
  std::size_t result = 3;  // which of the sources, or none
  for (const char letter : Row(op).pattern) {
    const std::size_t pick = random() % 3;
    std::uint16_t& id = instruction.operands[operand];
    if (letter == 'i') continue;
    ++operand;
    if (letter == 'D') id = fresh_destination ? new_vector.id : vectors[pick].id;
    if (letter == 'd') id = fresh_destination ? new_scalar.id : scalars[pick].id;
    if (letter == 'M' || letter == 'V') id = vectors[pick].id;
    if (letter == 's') id = scalars[pick].id;
    if (letter == 'a') id = Row(op).pattern[0] == 'a' ? out.id : in.id;
    if (operand == 1 && (letter == 'D' || letter == 'd')) result = fresh_destination ? 3 : pick;
  }
  const bool has_address = Row(op).pattern.find('a') != std::string_view::npos;
  const bool has_immediate = Row(op).pattern.find('i') != std::string_view::npos;
  if (has_address) instruction.immediate = static_cast<int>(random() % 64) * 4;
  if (has_immediate) instruction.immediate = static_cast<int>(random() % 32);
  Function function = builder.Take();
  function.code.push_back(instruction);
  const char first = Row(op).pattern.empty() ? ' ' : Row(op).pattern[0];
  const auto append = [&](Op store, std::uint16_t id, int offset) {
    function.code.push_back({store, {out.id, id}, offset});
  };
  if (first == 'D' && result == 3) append(Op::kStore, new_vector.id, 512);
  if (first == 'd' && result == 3) append(Op::kScalarStore64, new_scalar.id, 512);
  const bool keep_sources = random() % 2 == 0;
  for (std::size_t i = 0; i < 3; ++i) {
    if (keep_sources || first == 'M' || i == result) {
      append(Op::kStore, vectors[i].id, 576 + static_cast<int>(i) * 64);
      append(Op::kScalarStore64, scalars[i].id, 768 + static_cast<int>(i) * 8);
    }
  }
  return function;
}

void FillWithEdges(std::span<std::uint32_t> words, std::mt19937_64& random) {
  for (std::uint32_t& word : words) {
    word = random() % 4 == 0 ? static_cast<std::uint32_t>(random()) & 0xff7fffffu
                             : kEdges[random() % kEdges.size()];
  }
}

class OperationTest : public testing::TestWithParam<int> {};

TEST_P(OperationTest, MachineCodeEqualsInterpreter) {
  const Op op = static_cast<Op>(GetParam());
  std::mt19937_64 random(static_cast<std::uint64_t>(GetParam()));
  const GuardedBuffer input(kInputBytes);
  const GuardedBuffer output(kOutputBytes);
  const std::array<std::span<std::byte>, 1> buffers = {output.bytes()};
  std::vector<std::int64_t> arguments(32, 0x123456789abcdef);
  arguments[0] = input.address();
  arguments[1] = output.address();
  for (int repeat = 0; repeat < 150; ++repeat) {
    FillWithEdges(input.as<std::uint32_t>(), random);
    for (std::uint32_t& word : input.as<std::uint32_t>()) word = KeepPromise(op, ForEmulator(op, word));
    const Function function = OneOperation(op, random);
    for (const Target& target : TargetsUnderTest()) {
      const Status status = CompareWithInterpreter(function, arguments, buffers, target);
      ASSERT_TRUE(status.ok()) << status.message() << "\n" << Print(function);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, OperationTest, testing::Range(0, static_cast<int>(Op::kLoop)),
                         [](const testing::TestParamInfo<int>& row) {
                           std::string name(Row(static_cast<Op>(row.param)).text);
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// Runs the kernel both ways on `output` for every target, from the same contents, and checks that they agree;
// then the caller looks at the values.
void RunBoth(const Function& function, const std::vector<std::int64_t>& arguments,
             const GuardedBuffer& output) {
  const std::array<std::span<std::byte>, 1> buffers = {output.bytes()};
  const std::vector<std::byte> before(output.bytes().begin(), output.bytes().end());
  for (const Target& target : TargetsUnderTest()) {
    std::copy(before.begin(), before.end(), output.bytes().begin());
    const Status status = CompareWithInterpreter(function, arguments, buffers, target);
    ASSERT_TRUE(status.ok()) << status.message() << "\n" << Print(function);
  }
}

TEST(Emitter, LanesSumInTheOrderOfTheTree) {
  Builder builder("tree");
  const Scalar out = builder.Arg(0);
  builder.Store({out, 64}, builder.Unary(Op::kSumLanes, builder.Load({out})));
  const GuardedBuffer output(128);
  std::span<float> values = output.as<float>();
  for (std::size_t i = 0; i < 16; ++i)
    values[i] = i == 0 ? 1e8f : i == 8 ? -1e8f : static_cast<float>(i) * 0.1f;
  std::array<float, 16> tree{};
  std::copy_n(values.begin(), 16, tree.begin());
  for (std::size_t step = 8; step > 0; step /= 2) {
    for (std::size_t i = 0; i < step; ++i) tree[i] += tree[i + step];
  }
  RunBoth(builder.Take(), {output.address()}, output);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(values[16 + i], tree[0]);
}

TEST(Emitter, LoopsRunCountTimesAndNotAtAllForZeroOrLess) {
  Builder builder("count");
  const Scalar out = builder.Arg(0);
  const Scalar outer = builder.Arg(1);
  const Scalar inner = builder.Arg(2);
  const Scalar runs = builder.ScalarConst(0);
  builder.Loop(outer);
  builder.Loop(inner);
  builder.Bump(runs, 1);
  builder.End();
  builder.Bump(runs, 1000);
  builder.End();
  builder.Store64({out}, runs);
  builder.Store64({out, 8}, outer);
  builder.Store64({out, 16}, inner);
  const Function function = builder.Take();
  const GuardedBuffer output(24);
  for (const std::int64_t outer_count : {-5, 0, 1, 3}) {
    for (const std::int64_t inner_count : {-1, 0, 1, 7}) {
      RunBoth(function, {output.address(), outer_count, inner_count}, output);
      const std::int64_t expected =
          std::max<std::int64_t>(outer_count, 0) * (1000 + std::max<std::int64_t>(inner_count, 0));
      EXPECT_EQ(output.as<std::int64_t>()[0], expected);
      EXPECT_EQ(output.as<std::int64_t>()[1], outer_count);
      EXPECT_EQ(output.as<std::int64_t>()[2], inner_count);
    }
  }
}

TEST(Emitter, WritingTheCountInTheBodyDoesNotChangeTheLoop) {
  Builder builder("count_written");
  const Scalar out = builder.Arg(0);
  const Scalar count = builder.Arg(1);
  const Scalar runs = builder.ScalarConst(0);
  builder.Loop(count);
  builder.Bump(count, 100);
  builder.Bump(runs, 1);
  builder.End();
  builder.Store64({out}, runs);
  builder.Store64({out, 8}, count);
  const GuardedBuffer output(16);
  RunBoth(builder.Take(), {output.address(), 4}, output);
  EXPECT_EQ(output.as<std::int64_t>()[0], 4);
  EXPECT_EQ(output.as<std::int64_t>()[1], 404);
}

TEST(Emitter, OffsetsOfEverySizeReachTheirAddress) {
  constexpr int kBytes = 1 << 16;
  const GuardedBuffer output(kBytes);
  for (const int offset : {0, 4, 60, 64, 127, 128, 8128, 8192, 8191, kBytes / 2}) {
    Builder builder("offset");
    const Scalar base = builder.Arg(0);
    const Vec iota = builder.Iota();
    builder.Store({base, offset - 4096}, iota);
    builder.Store({builder.AddImm(base, 1 << 20), offset - (1 << 20) + 64},
                  builder.Load({base, offset - 4096}));
    RunBoth(builder.Take(), {output.address() + 4096}, output);
  }
}

TEST(Emitter, ScalarConstantsOfEveryWidth) {
  const std::vector<std::int64_t> values = {
      0,         1,        -1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, -0x80000000ll, -0x80000001ll,
      INT64_MAX, INT64_MIN};
  Builder builder("constants");
  const Scalar out = builder.Arg(0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    builder.Store64({out, static_cast<int>(8 * i)}, builder.ScalarConst(values[i]));
  }
  const GuardedBuffer output(8 * values.size());
  RunBoth(builder.Take(), {output.address()}, output);
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(output.as<std::int64_t>()[i], values[i]);
}

TEST(Emitter, EqualConstantsAreLaidDownOnce) {
  const auto code_bytes = [](const Target& target, bool same) {
    Builder builder("pool");
    const Scalar out = builder.Arg(0);
    const Vec sum = builder.Load({out});
    for (int i = 0; i < 10; ++i) {
      builder.BinaryTo(Op::kAdd, sum, sum, builder.Const(same ? 1.5f : 1.5f + static_cast<float>(i)));
    }
    builder.Store({out}, sum);
    KernelLibrary library(target);
    return library.info(*library.Compile(builder.Take())).code_bytes;
  };
  EXPECT_EQ(code_bytes(PlainAvx512(), false) - code_bytes(PlainAvx512(), true), 9 * sizeof(float));
  EXPECT_EQ(code_bytes(PlainAvx2(), false) - code_bytes(PlainAvx2(), true), 9 * 8 * sizeof(float));
}

TEST(Emitter, AKernelMayBeLong) {
  Builder builder("long");
  const Scalar out = builder.Arg(0);
  const Vec sum = builder.ConstInt(0);
  const Scalar count = builder.Arg(1);
  builder.Loop(count);
  for (int i = 0; i < 5000; ++i) builder.BinaryTo(Op::kAddInt, sum, sum, builder.ConstInt(i % 17));
  builder.End();
  builder.Store({out}, sum);
  const GuardedBuffer output(64);
  RunBoth(builder.Take(), {output.address(), 2}, output);
  int expected = 0;
  for (int i = 0; i < 5000; ++i) expected += 2 * (i % 17);
  EXPECT_EQ(output.as<std::int32_t>()[15], expected);
}

TEST(Emitter, VectorRegistersUpToTheLimitCompile) {
  const auto compile = [](const Target& target, int alive) {
    Builder builder("pressure");
    const Scalar in = builder.Arg(0);
    std::vector<Vec> vectors;
    for (int i = 0; i < alive; ++i) vectors.push_back(builder.Load({in, 64 * i}));
    for (const Vec v : vectors) builder.Store({in}, v);
    KernelLibrary library(target);
    return library.Compile(builder.Take()).status();
  };
  EXPECT_TRUE(compile(PlainAvx512(), 30).ok());
  EXPECT_TRUE(compile(PlainAvx2(), 7).ok());
  const Status refused = compile(PlainAvx2(), 8);
  EXPECT_EQ(refused.code(), StatusCode::kUnsupported);
  EXPECT_EQ(
      refused.message(),
      "kernel 'pressure' does not fit the 7 vector registers of target avx2 at instruction 9 'v7 = ld [s0 + "
      "448]'; alive across it: v0 v1 v2 v3 v4 v5 v6");
  EXPECT_NE(compile(PlainAvx512(), 31).message().find("the 30 vector registers of target avx512-vnni"),
            std::string::npos);
}

TEST(Emitter, ConstantsOfAvx2TakeNoRegisterUnlessRewritten) {
  Builder builder("constants");
  const Scalar out = builder.Arg(0);
  std::vector<Vec> kept;
  for (int i = 0; i < 20; ++i) kept.push_back(builder.ConstInt(1 << i));
  const Vec sum = builder.ConstInt(0);
  builder.Loop(3);
  for (const Vec constant : kept) builder.BinaryTo(Op::kAddInt, sum, sum, constant);
  builder.End();
  builder.Store({out}, sum);
  const Function function = builder.Take();
  KernelLibrary library(PlainAvx2());
  const Result<KernelId> id = library.Compile(function);
  ASSERT_TRUE(id.ok()) << id.status().message();
  EXPECT_EQ(library.info(*id).vectors_used, 1);
  const GuardedBuffer output(64);
  RunBoth(function, {output.address()}, output);
  for (const std::int32_t lane : output.as<std::int32_t>()) EXPECT_EQ(lane, 3 * ((1 << 20) - 1));
}

}  // namespace
}  // namespace vivace::codegen
