#include "codegen/machine_loops.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace vivace::codegen {
namespace {

double SecondsOf(const MachineLoops& loops, const std::byte* data, std::size_t bytes, int repeats) {
  const auto start = std::chrono::steady_clock::now();
  loops.Read(0, data, bytes, repeats);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(MachineLoops, EveryLoopRunsOnEveryTargetOfThisCpu) {
  for (const Target& target : RunnableTargets()) {
    const auto loops = MachineLoops::Create(target);
    ASSERT_TRUE(loops.ok()) << target.name << ": " << loops.status().message();
    for (const RegisterLoopRow& row : kRegisterLoops) {
      EXPECT_EQ((*loops)->Has(row.id), row.id != RegisterLoop::kDotBf16 || target.bf16) << target.name;
      if (!(*loops)->Has(row.id)) continue;
      (*loops)->RunLoop(row.id);
      EXPECT_GT((*loops)->Products(row.id), 0) << row.name;
    }
    EXPECT_EQ((*loops)->Products(RegisterLoop::kDot4), 4 * (*loops)->Products(RegisterLoop::kFma));
  }
}

TEST(MachineLoops, AReadTakesLongerTheMoreItReads) {
  const auto loops = MachineLoops::Create();
  if (!loops.ok()) GTEST_SKIP() << loops.status().message();
  const std::vector<std::byte> data(1 << 16);
  double once = 1, often = 0;
  for (int i = 0; i < 5; ++i) {
    once = std::min(once, SecondsOf(**loops, data.data(), data.size(), 1));
    often += SecondsOf(**loops, data.data(), data.size(), 200) / 5;
  }
  EXPECT_GT(often, 20 * once);
}

TEST(MachineLoops, ATargetThatCannotRunIsRefused) {
  EXPECT_EQ(MachineLoops::Create(Target{}).status().code(), StatusCode::kUnsupported);
}

}  // namespace
}  // namespace vivace::codegen
