#include "codegen/target.h"

#include <gtest/gtest.h>

namespace vivace::codegen {
namespace {

Target Named(std::string name) {
  Target target;
  target.isa = InstructionSet::kAvx2;
  target.name = std::move(name);
  return target;
}

TEST(Target, IsFoundByNameAmongThoseOfTheCpu) {
  const std::vector<Target> runnable = {Named("avx512-vnni"), Named("avx2-vnni"), Named("avx2")};
  for (const std::string_view name : {"avx512-vnni", "avx2-vnni", "avx2"}) {
    const auto target = TargetByName(name, runnable);
    ASSERT_TRUE(target.ok()) << target.status().message();
    EXPECT_EQ(target->name, name);
  }
  EXPECT_EQ(TargetByName("auto", runnable)->name, "avx512-vnni");
  EXPECT_EQ(TargetByName("avx2-amx", runnable).status().message(),
            "'avx2-amx' is no instruction set of this CPU: it must be one of auto, avx512-vnni, avx2-vnni, "
            "avx2, none");
  EXPECT_EQ(TargetByName("", runnable).status().code(), StatusCode::kInvalidArgument);
}

TEST(Target, NoneHasNoMachineCodeAndIsTheBestOfACpuWithoutAvx2) {
  EXPECT_FALSE(TargetByName("none", {Named("avx2")})->CanRun());
  EXPECT_FALSE(TargetByName("auto", {})->CanRun());
  EXPECT_EQ(TargetByName("none", {})->name, "none");
}

TEST(Target, EachRunnableTargetIsFoundAgainWithItsOwnFacts) {
  const std::vector<Target> runnable = RunnableTargets();
  for (const Target& target : runnable) {
    const auto found = TargetByName(target.name, runnable);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->vnni, target.vnni);
    EXPECT_EQ(found->vectors, target.vectors);
  }
  EXPECT_EQ(TargetByName("auto", runnable)->name, HostTarget().name);
}

}  // namespace
}  // namespace vivace::codegen
