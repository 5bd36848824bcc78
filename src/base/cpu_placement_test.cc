#include "base/cpu_placement.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/worker_team.h"

namespace vivace::base {
namespace {

using Kind = CpuPlacement::Kind;
using Lists = std::vector<std::vector<int>>;

TEST(ParseCpuPlacement, TakesEveryFormOfTheVariable) {
  EXPECT_EQ(*ParseCpuPlacement("auto"), (CpuPlacement{Kind::kAuto, {}}));
  EXPECT_EQ(*ParseCpuPlacement(""), (CpuPlacement{Kind::kAuto, {}}));
  EXPECT_EQ(*ParseCpuPlacement("nobind"), (CpuPlacement{Kind::kFree, {}}));
  EXPECT_EQ(*ParseCpuPlacement("0-3"), (CpuPlacement{Kind::kListed, Lists{{0, 1, 2, 3}}}));
  EXPECT_EQ(*ParseCpuPlacement("5"), (CpuPlacement{Kind::kListed, Lists{{5}}}));
  EXPECT_EQ(*ParseCpuPlacement("0, 2,4 "), (CpuPlacement{Kind::kListed, Lists{{0, 2, 4}}}));
  EXPECT_EQ(*ParseCpuPlacement("8-9,0-1"), (CpuPlacement{Kind::kListed, Lists{{8, 9, 0, 1}}}));
  EXPECT_EQ(*ParseCpuPlacement("0-1|4,6"), (CpuPlacement{Kind::kListed, Lists{{0, 1}, {4, 6}}}));
}

TEST(ParseCpuPlacement, NamesTheWordThatIsWrong) {
  EXPECT_EQ(ParseCpuPlacement("0-3,x").status().message(),
            "'x' names no CPU: it must be auto, nobind or CPUs such as 0-31, 0,2,4 or 0-15|16-31");
  for (const std::string_view text :
       {"all", "0-", "-3", "3-1", "0,,1", "0|", "|", "0-1-2", "0x1", "99999", "0-99999999999", "0-65535,-"}) {
    EXPECT_EQ(ParseCpuPlacement(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(ParseCpuPlacement("0-3,2").status().message(),
            "CPU 2 is named twice: each worker has a CPU of its own");
}

TEST(CpuListText, WritesRunsAsRanges) {
  EXPECT_EQ(CpuListText(std::vector<int>{0, 1, 2, 3, 8}), "0-3,8");
  EXPECT_EQ(CpuListText(std::vector<int>{4, 2}), "4,2");
  EXPECT_EQ(CpuListText({}), "");
}

Result<WorkerPlacement> Place(std::string_view wish, int workers, int rank = 0) {
  const std::vector<int> allowed = {0, 1, 4, 5};
  return PlaceWorkers(*ParseCpuPlacement(wish), workers, allowed, 8, rank);
}

TEST(PlaceWorkers, AListGivesItsCpusInOrderAndAsManyWorkers) {
  EXPECT_EQ(Place("4-5,0", 0)->workers, 3);
  EXPECT_EQ(Place("4-5,0", 0)->cpus, (std::vector<int>{4, 5, 0}));
  EXPECT_EQ(Place("4-5,0", 2)->cpus, (std::vector<int>{4, 5}));
  EXPECT_EQ(Place("0|4", 0, 1)->cpus, (std::vector<int>{4}));
}

TEST(PlaceWorkers, WithoutAListTheWorkersAreFree) {
  for (const std::string_view wish : {"auto", "nobind"}) {
    EXPECT_EQ(Place(wish, 0)->workers, 4);
    EXPECT_EQ(Place(wish, 7)->workers, 7);
    EXPECT_TRUE(Place(wish, 7)->cpus.empty());
  }
}

TEST(PlaceWorkers, NamesTheCpuThatCannotBeHad) {
  EXPECT_EQ(Place("0,9", 0).status().message(), "CPU 9 does not exist: this machine has 0-7");
  EXPECT_EQ(Place("0-2", 0).status().message(),
            "CPU 2 may not be used by this process: its affinity or its control group allows 0-1,4-5");
  EXPECT_EQ(Place("0-1", 3).status().message(),
            "3 workers are to run on the 2 CPUs 0-1: name one for each, or ask for fewer workers");
  EXPECT_EQ(Place("0-1", 1, 1).status().message(),
            "there are 1 lists of CPUs, but none for rank 1: add one behind a '|'");
}

TEST(PlacedTeam, PinnedWorkersStayOnTheirCpus) {
  const std::vector<int> before = AllowedCpus();
  const auto placement = PlaceWorkers({Kind::kListed, {before}}, 0);
  ASSERT_TRUE(placement.ok()) << placement.status().message();
  std::vector<std::vector<int>> seen(before.size()), free = seen;
  // A thread of its own: a team changes its caller's CPU and floating-point mode for good.
  std::thread([&] {
    WorkerTeam team(*placement);
    team.Run([&](int worker) { free[static_cast<std::size_t>(worker)] = AllowedCpus(); });
    team.PinCaller();
    team.Run([&](int worker) { seen[static_cast<std::size_t>(worker)] = AllowedCpus(); });
  }).join();
  EXPECT_EQ(free[0], before) << "the caller's thread is moved only when it asks for it";
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(seen[i], std::vector<int>{before[i]});
  EXPECT_EQ(AllowedCpus(), before);
}

}  // namespace
}  // namespace vivace::base
