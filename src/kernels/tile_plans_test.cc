#include <gtest/gtest.h>

#include <algorithm>

#include "codegen/target.h"
#include "kernels/panel.h"

namespace vivace::kernels {
namespace {

using tensor::WeightClass;

constexpr int kThreads = 2;

PanelGemmSpec Spec(WeightClass type, int n) {
  PanelGemmSpec spec{.type = type, .k = 512, .activation = tensor::Row(type).activation};
  spec.epilogue.n = n;
  return spec;
}

TEST(TileCandidates, BeginWithTheRuleAndAreLegalAndDistinct) {
  const codegen::Target& target = codegen::HostTarget();
  if (!target.CanRun()) GTEST_SKIP() << "no kernels for this CPU";
  for (const WeightClass type : {WeightClass::kQ4_1, WeightClass::kQ6_K, WeightClass::kBF16}) {
    for (const int rows : {1, 2, 9, 23, 100, 512}) {
      const PanelGemmSpec spec = Spec(type, 2048);
      const auto few = TileCandidates(spec, rows, kThreads, target, false);
      const auto all = TileCandidates(spec, rows, kThreads, target, true);
      EXPECT_EQ(few.front(), PlanTiles(spec, rows, kThreads, target));
      EXPECT_EQ(all.front(), few.front());
      EXPECT_GE(few.size(), 4u);
      EXPECT_LE(few.size(), 9u) << "a start has no time for more";
      for (const TilePlan& plan : all) {
        EXPECT_EQ(std::count(all.begin(), all.end(), plan), 1);
        EXPECT_GE(plan.direct_rows, 1);
        EXPECT_LE(plan.direct_rows, std::min(rows, kMaximumTileRows));
        EXPECT_GE(plan.task_units, 1);
        EXPECT_LE(plan.task_units * kThreads, 2048 / 32) << "each thread has a task";
      }
      for (const TilePlan& plan : few) EXPECT_NE(std::find(all.begin(), all.end(), plan), all.end());
    }
  }
}

TEST(TileCandidates, ATaskOfATinyPhaseIsOneTile) {
  const codegen::Target& target = codegen::HostTarget();
  if (!target.CanRun()) GTEST_SKIP() << "no kernels for this CPU";
  for (const TilePlan& plan : TileCandidates(Spec(WeightClass::kQ4_1, 32), 1, 64, target, true))
    EXPECT_EQ(plan.task_units, 1);
  EXPECT_EQ(TaskCandidates(Spec(WeightClass::kQ4_1, 32), 64), std::vector<TilePlan>{TilePlan()});
}

TEST(TileCandidates, OfTasksAloneLeaveTheTilesToTheRules) {
  const auto plans = TaskCandidates(Spec(WeightClass::kQ4_1, 2048), kThreads);
  EXPECT_EQ(plans.front(), TilePlan());
  ASSERT_GE(plans.size(), 4u);
  for (std::size_t i = 1; i < plans.size(); ++i) {
    EXPECT_EQ(plans[i].direct_rows, 0);
    EXPECT_GT(plans[i].task_units, 1) << "the rule's own number is the default";
  }
}

}  // namespace
}  // namespace vivace::kernels
