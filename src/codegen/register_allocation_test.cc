// Lifetimes around loops, reuse, and the refusal of what does not fit, on a register file of four.
#include "codegen/register_allocation.h"

#include <gtest/gtest.h>

#include <string>

namespace vivace::codegen {
namespace {

constexpr RegisterFile kSmall = {4, 4, 3};

Function MakeFunction(const std::string& text) {
  Result<Function> function = Parse(text);
  EXPECT_TRUE(function.ok()) << function.status().message();
  EXPECT_TRUE(Verify(*function).ok()) << Verify(*function).message();
  return std::move(*function);
}

TEST(RegisterAllocation, DeadValuesGiveTheirRegisterBack) {
  std::string text = "kernel chain vectors=100 scalars=1\n  s0 = arg 0\n  v0 = iota\n";
  for (int i = 1; i < 100; ++i) {
    text +=
        "  v" + std::to_string(i) + " = add v" + std::to_string(i - 1) + ", v" + std::to_string(i - 1) + "\n";
  }
  text += "  st [s0], v99\n";
  const Result<Allocation> allocation = AllocateRegisters(MakeFunction(text), kSmall);
  ASSERT_TRUE(allocation.ok()) << allocation.status().message();
  EXPECT_EQ(allocation->vectors_used, 1);
}

TEST(RegisterAllocation, TooManyAliveIsRefusedWithInstructionAndRegisters) {
  const Function function = MakeFunction(R"(kernel wide vectors=5 scalars=1
  s0 = arg 0
  v0 = ld [s0]
  v1 = ld [s0 + 64]
  v2 = ld [s0 + 128]
  v3 = ld [s0 + 192]
  v4 = ld [s0 + 256]
  v4 = fma v0, v1
  v4 = fma v2, v3
  st [s0], v4
)");
  const Result<Allocation> allocation = AllocateRegisters(function, kSmall);
  ASSERT_FALSE(allocation.ok());
  EXPECT_EQ(allocation.status().code(), StatusCode::kUnsupported);
  EXPECT_EQ(allocation.status().message(),
            "kernel 'wide' does not fit the 4 vector registers at instruction 6 'v4 = ld [s0 + 256]'; alive "
            "across it: "
            "v0 v1 v2 v3");
  EXPECT_TRUE(AllocateRegisters(function, {5, 4, 3}).ok());
}

TEST(RegisterAllocation, ScalarsCountLoopCountersAndTheArguments) {
  const Function function = MakeFunction(R"(kernel scalars vectors=0 scalars=3
  s0 = arg 0
  s1 = arg 1
  loop s1
    loop s1
      s2 = arg 2
      s.st64 [s0], s2
    end
  end
)");
  const Result<Allocation> allocation = AllocateRegisters(function, {0, 5, 4});
  ASSERT_FALSE(allocation.ok());
  EXPECT_EQ(allocation.status().message(),
            "kernel 'scalars' does not fit the 5 scalar registers at instruction 5 's2 = arg 2'; alive "
            "across it: s0 s1 "
            "(loop counter) (loop counter) (arguments)");
  EXPECT_TRUE(AllocateRegisters(function, {0, 6, 4}).ok());
}

TEST(RegisterAllocation, WhatALoopReadsFromBeforeLivesToItsEnd) {
  // v0 is last read in the first line of the outer body; v1 and v2 come after it, and must not take its
  // register.
  const Function function = MakeFunction(R"(kernel carried vectors=3 scalars=2
  s0 = arg 0
  s1 = arg 1
  v0 = ld [s0]
  loop s1
    st [s0], v0
    v1 = ld [s0 + 64]
    loop s1
      v2 = ld [s0 + 128]
      st [s0], v2
    end
    st [s0], v1
  end
)");
  const Result<Allocation> allocation = AllocateRegisters(function, kSmall);
  ASSERT_TRUE(allocation.ok()) << allocation.status().message();
  EXPECT_NE(allocation->vectors[0], allocation->vectors[1]);
  EXPECT_NE(allocation->vectors[0], allocation->vectors[2]);
  EXPECT_NE(allocation->vectors[1], allocation->vectors[2]);
}

TEST(RegisterAllocation, ALoopCountThatIsReadLaterKeepsItsOwnRegister) {
  const Function function = MakeFunction(R"(kernel counts vectors=0 scalars=3
  s0 = arg 0
  s1 = arg 1
  s2 = arg 2
  loop s1
  end
  s.st64 [s0], s1
  loop s2
  end
)");
  const Result<Allocation> allocation = AllocateRegisters(function, {0, 5, 4});
  ASSERT_TRUE(allocation.ok()) << allocation.status().message();
  EXPECT_NE(allocation->counters[0], allocation->scalars[1]);
  EXPECT_EQ(allocation->counters[1], allocation->scalars[2]);
}

TEST(RegisterAllocation, AMoveFromADyingRegisterCostsNothing) {
  const Function function = MakeFunction(R"(kernel move vectors=4 scalars=1
  s0 = arg 0
  v0 = iota
  v1 = iota
  v2 = add v0, v1
  v3 = mov v1
  st [s0], v2
  st [s0], v3
)");
  const Result<Allocation> allocation = AllocateRegisters(function, kSmall);
  ASSERT_TRUE(allocation.ok());
  EXPECT_EQ(allocation->vectors[3], allocation->vectors[1]);
}

}  // namespace
}  // namespace vivace::codegen
