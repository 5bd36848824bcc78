#include "runtime/captured_plan.h"

#include <gtest/gtest.h>

namespace vivace::runtime {
namespace {

int grids_counted = 0;

int RowGrid(const void*, const tensor::StepView& step) {
  ++grids_counted;
  return step.rows;
}
int TileGrid(const void*, const tensor::StepView& step) {
  ++grids_counted;
  return 2 * step.attention_tile_count;
}
int LogitGrid(const void*, const tensor::StepView& step) {
  ++grids_counted;
  return 3 * step.logit_count;
}
void Nothing(const void*, int, const kernels::TaskContext&) {}

tensor::StepView Step(int rows, int tiles, int logits) {
  tensor::StepView step;
  step.rows = rows;
  step.attention_tile_count = tiles;
  step.logit_count = logits;
  return step;
}

// Two joined phases, attention, and two phases of the last layer.
class CapturedPlanTest : public testing::Test {
 protected:
  CapturedPlanTest() {
    const kernels::GridFn grids[] = {RowGrid, RowGrid, TileGrid, RowGrid, LogitGrid};
    for (const kernels::GridFn grid : grids) bound_.push_back({{grid, Nothing}, kernels::AddArgs{}});
    for (const BoundPhase& phase : bound_) phases_.push_back(&phase);
    plan_ = CapturedPlan(phases_, facts_);
  }
  std::vector<int> Counts() const {
    std::vector<int> tasks;
    for (const PlanInterval& interval : plan_.intervals()) tasks.push_back(interval.tasks);
    return tasks;
  }
  // The tasks of a later step, and how many grids were counted for it.
  std::vector<int> TasksOf(const tensor::StepView& step, int first = 0) {
    grids_counted = 0;
    plan_.Count(step, first);
    return Counts();
  }

  std::vector<BoundPhase> bound_;
  std::vector<const BoundPhase*> phases_;
  const std::vector<PhaseFacts> facts_ = {
      {.joined = true}, {}, {.attention = true}, {.last_layer = true}, {.last_layer = true}};
  CapturedPlan plan_;
};

using Tasks = std::vector<int>;

TEST_F(CapturedPlanTest, JoinedPhasesAreOneIntervalWithTheTasksOfBoth) {
  ASSERT_EQ(plan_.intervals().size(), 4u);
  EXPECT_EQ(plan_.intervals()[0].first, 0);
  EXPECT_EQ(plan_.intervals()[0].last, 2);
  EXPECT_EQ(plan_.IntervalOf(2), 1);
  EXPECT_EQ(plan_.IntervalOf(3), 2);
  EXPECT_EQ(TasksOf(Step(5, 1, 2)), (Tasks{10, 2, 5, 6}));
  EXPECT_EQ(plan_.phase(1).tasks, 5);
  EXPECT_EQ(grids_counted, 5);
  EXPECT_EQ(TasksOf(Step(7, 3, 0)), (Tasks{14, 6, 7, 0}));
}

TEST_F(CapturedPlanTest, PiecesLeaveAttentionAndTheLastLayerToEachStep) {
  plan_.Capture(PlanKind::kPiecewise, facts_, Step(4, 4, 4));
  EXPECT_EQ(TasksOf(Step(4, 1, 2)), (Tasks{8, 2, 4, 6}));
  EXPECT_EQ(grids_counted, 3);
  EXPECT_EQ(TasksOf(Step(4, 2, 1)), (Tasks{8, 4, 4, 3}));
  EXPECT_EQ(TasksOf(Step(4, 3, 4), 3), (Tasks{8, 4, 4, 12})) << "the last layer alone";
}

TEST_F(CapturedPlanTest, AWholeStepCountsNothing) {
  plan_.Capture(PlanKind::kFull, facts_, Step(4, 4, 4));
  EXPECT_EQ(TasksOf(Step(9, 9, 9)), (Tasks{8, 8, 4, 12}));
  EXPECT_EQ(grids_counted, 0);
}

TEST_F(CapturedPlanTest, TheTableKnowsTheSizesThatWereAdded) {
  PlanTable table(8);
  EXPECT_EQ(table.Find(3), nullptr);
  plan_.Capture(PlanKind::kFull, facts_, Step(3, 3, 3));
  table.Add(3, plan_);
  table.Add(8, plan_);
  ASSERT_NE(table.Find(3), nullptr);
  EXPECT_NE(table.Find(3), table.Find(8));
  EXPECT_EQ(table.Find(3)->intervals()[0].tasks, 6);
  EXPECT_EQ(table.Find(4), nullptr);
}

}  // namespace
}  // namespace vivace::runtime
