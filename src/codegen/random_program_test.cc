#include "codegen/random_program.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "codegen/target_fixture.h"

namespace vivace::codegen {
namespace {

constexpr int kPrograms = 2000;

int Operations(int seed) {
  return 5 + seed % 120;
}

// How many programs there are, dealt out to the targets of this machine; in the long form, for each of them.
int ProgramCount(std::size_t targets) {
  if (std::getenv("VIVACE_LONG") != nullptr) return 100'000 * static_cast<int>(targets);
  return std::getenv("VIVACE_QUICK") != nullptr || IsEmulated() ? 400 : kPrograms;
}

TEST(RandomProgram, MachineCodeEqualsInterpreterOnEveryTarget) {
  const std::vector<Target>& targets = TargetsUnderTest();
  const int count = ProgramCount(targets.size());
  for (int seed = 0; seed < count; ++seed) {
    const Target& target = targets[static_cast<std::size_t>(seed) % targets.size()];
    const Function program =
        MakeRandomProgram(static_cast<std::uint64_t>(seed), Operations(seed), target.vectors);
    if (IsEmulated() && Print(program).find(".f16") != std::string::npos) continue;
    const Status status = CheckRandomProgram(static_cast<std::uint64_t>(seed), Operations(seed), target);
    ASSERT_TRUE(status.ok()) << status.message();
  }
}

TEST(RandomProgram, TextRoundTripsOnAllPrograms) {
  for (int seed = 0; seed < kPrograms; seed += 10) {
    const std::string text = Print(MakeRandomProgram(static_cast<std::uint64_t>(seed), Operations(seed)));
    const Result<Function> parsed = Parse(text);
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    ASSERT_EQ(Print(*parsed), text);
  }
}

TEST(RandomProgram, EveryOperationOccurs) {
  std::set<Op> seen;
  for (int seed = 0; seed < 300; ++seed) {
    for (const Instruction& instruction :
         MakeRandomProgram(static_cast<std::uint64_t>(seed), Operations(seed)).code) {
      seen.insert(instruction.op);
    }
  }
  for (int i = 0; i <= static_cast<int>(Op::kEnd); ++i) {
    EXPECT_TRUE(seen.count(static_cast<Op>(i)) == 1) << Row(static_cast<Op>(i)).text;
  }
}

TEST(RandomProgram, TheSameSeedGivesTheSameProgram) {
  EXPECT_EQ(Print(MakeRandomProgram(7, 50)), Print(MakeRandomProgram(7, 50)));
  EXPECT_NE(Print(MakeRandomProgram(7, 50)), Print(MakeRandomProgram(8, 50)));
}

}  // namespace
}  // namespace vivace::codegen
