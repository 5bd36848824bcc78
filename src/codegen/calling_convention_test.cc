// What a kernel owes its caller: callee-saved registers, and vector registers whose upper halves are clean,
// as SSE code after dirty ones crawls.
#include <cpuid.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "codegen/kernel_library.h"
#include "codegen/target_fixture.h"

namespace vivace::codegen {
namespace {

// Calls kernel(arguments) with known values in the callee-saved registers and writes to saved[6] what is in
// them afterwards.
extern "C" void CallAndReadCalleeSaved(KernelFn kernel, const std::int64_t* arguments, std::uint64_t* saved);
asm(R"(
  .text
  .globl CallAndReadCalleeSaved
  .type CallAndReadCalleeSaved, @function
CallAndReadCalleeSaved:
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  pushq %rdx
  movq %rdi, %rax
  movq %rsi, %rdi
  movq $101, %rbx
  movq $102, %rbp
  movq $103, %r12
  movq $104, %r13
  movq $105, %r14
  movq $106, %r15
  callq *%rax
  popq %rdx
  movq %rbx, (%rdx)
  movq %rbp, 8(%rdx)
  movq %r12, 16(%rdx)
  movq %r13, 24(%rdx)
  movq %r14, 32(%rdx)
  movq %r15, 40(%rdx)
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  retq
  .size CallAndReadCalleeSaved, .-CallAndReadCalleeSaved
)");

class CallingConvention : public testing::TestWithParam<Target> {};
INSTANTIATE_TEST_SUITE_P(Targets, CallingConvention, testing::ValuesIn(TargetsUnderTest()),
                         [](const testing::TestParamInfo<Target>& target) {
                           std::string name = target.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + (target.param.vnni_vex ? "_vex" : "");
                         });

TEST_P(CallingConvention, CalleeSavedRegistersArePreserved) {
  Builder builder("all_scalars");
  const Scalar out = builder.Arg(0);
  std::vector<Scalar> scalars;
  for (int i = 0; i < 13; ++i) scalars.push_back(builder.ScalarConst(1000 + i));
  builder.Loop(3);
  for (const Scalar s : scalars) builder.Bump(s, 1);
  builder.End();
  for (int i = 0; i < 13; ++i) builder.Store64({out, 8 * i}, scalars[static_cast<std::size_t>(i)]);
  KernelLibrary library(GetParam());
  const Result<KernelId> id = library.Compile(builder.Take());
  ASSERT_TRUE(id.ok()) << id.status().message();
  EXPECT_EQ(library.info(*id).scalars_used, 15);
  if (!KernelLibrary::Supported(GetParam())) GTEST_SKIP() << "this CPU cannot run the machine code";
  ASSERT_TRUE(library.Seal().ok());
  std::array<std::int64_t, 13> output{};
  const std::int64_t argument = std::bit_cast<std::int64_t>(output.data());
  std::array<std::uint64_t, 6> saved{};
  CallAndReadCalleeSaved(library.Get(*id), &argument, saved.data());
  EXPECT_EQ(saved, (std::array<std::uint64_t, 6>{101, 102, 103, 104, 105, 106}));
  for (std::size_t i = 0; i < output.size(); ++i) EXPECT_EQ(output[i], 1003 + static_cast<std::int64_t>(i));
}

// A kernel that writes every vector register of the target.
Function WriteAllVectors(const Target& target) {
  Builder builder("all_vectors");
  const Scalar data = builder.Arg(0);
  std::vector<Vec> vectors;
  for (int i = 0; i < target.vectors; ++i) vectors.push_back(builder.Load({data}));
  const Vec sum = vectors[0];
  for (const Vec v : vectors) builder.BinaryTo(Op::kOr, sum, sum, v);
  builder.Store({data}, builder.Unary(Op::kSumLanes, sum));
  return builder.Take();
}

// XGETBV with ecx = 1: which parts of the register state are not as after a reset.
bool CanReadInUse() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(0xd, 1, &a, &b, &c, &d) != 0 && (a >> 2 & 1) != 0;
}
std::uint32_t ReadInUse() {
  std::uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
  return low;
}
constexpr std::uint32_t kUpperHalves = 1u << 2 | 1u << 6;  // of ymm0-15, and of zmm0-15

TEST_P(CallingConvention, UpperHalvesAreCleanAfterTheCall) {
  KernelLibrary library(GetParam());
  const Result<KernelId> id = library.Compile(WriteAllVectors(GetParam()));
  ASSERT_TRUE(id.ok()) << id.status().message();
  EXPECT_EQ(library.info(*id).vectors_used, GetParam().vectors);
  if (!KernelLibrary::Supported(GetParam())) GTEST_SKIP() << "this CPU cannot run the machine code";
  if (!CanReadInUse()) GTEST_SKIP() << "this CPU does not tell which registers are in use";
  ASSERT_TRUE(library.Seal().ok());
  const KernelFn kernel = library.Get(*id);
  alignas(64) std::array<float, 16> data{};
  data.fill(1.0f);
  const std::int64_t argument = std::bit_cast<std::int64_t>(data.data());
  asm volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
  const std::uint32_t dirty = ReadInUse();
  kernel(&argument);
  const std::uint32_t after = ReadInUse();
  EXPECT_NE(dirty & kUpperHalves, 0u);
  EXPECT_EQ(after & kUpperHalves, 0u);
}

// The bytes before the return: vzeroupper, then what restores registers.
TEST_P(CallingConvention, TheReturnSequenceBeginsWithVzeroupper) {
  KernelLibrary library(GetParam());
  Builder builder("empty");
  const KernelId id = *library.Compile(builder.Take());
  const std::vector<std::byte> expected = {std::byte{0xc5}, std::byte{0xf8}, std::byte{0x77},
                                           std::byte{0xc3}};
  EXPECT_EQ(library.CodeBytes(id), expected);
}

}  // namespace
}  // namespace vivace::codegen
