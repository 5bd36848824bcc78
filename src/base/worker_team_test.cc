#include "base/worker_team.h"

#include <gtest/gtest.h>
#include <time.h>

#include <numeric>

namespace vivace::base {
namespace {

TEST(WorkerTeam, RunsTheBodyOnceOnEachWorkerAndWaitsForAll) {
  WorkerTeam team(3);
  std::vector<int> runs(3, 0);
  for (int round = 0; round < 100; ++round)
    team.Run([&](int worker) { ++runs[static_cast<std::size_t>(worker)]; });
  EXPECT_EQ(runs, (std::vector<int>{100, 100, 100}));
}

TEST(WorkerTeam, WorksAgainAfterParking) {
  WorkerTeam team(2);
  std::atomic<int> runs{0};
  team.Run([&](int) { ++runs; });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  team.Run([&](int) { ++runs; });
  EXPECT_EQ(runs.load(), 4);
}

TEST(WorkerTeam, BarrierMakesEarlierWritesVisible) {
  WorkerTeam team(2);
  std::vector<int> values(2, 0);
  bool all_seen = true;
  team.Run([&](int worker) {
    for (int step = 1; step <= 1000; ++step) {
      values[static_cast<std::size_t>(worker)] = step;
      team.barrier().Wait();
      if (values[static_cast<std::size_t>(1 - worker)] != step) all_seen = false;
      team.barrier().Wait();
    }
  });
  EXPECT_TRUE(all_seen);
}

// Two workers wait for each other many times; one of them is always late.
double CpuSecondsOfUnevenSteps(bool rationed) {
  WorkerTeam team(WorkerPlacement{2, {}, rationed});
  const auto used = [] {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  std::vector<int> values(2, 0);
  bool all_seen = true;
  const double before = used();
  team.Run([&](int worker) {
    for (int step = 1; step <= 20; ++step) {
      if (worker == 1) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      values[static_cast<std::size_t>(worker)] = step;
      team.barrier().Wait();
      if (values[static_cast<std::size_t>(1 - worker)] != step) all_seen = false;
      team.barrier().Wait();
    }
  });
  EXPECT_TRUE(all_seen);
  return used() - before;
}

TEST(WorkerTeam, WhereCpuTimeIsRationedWhoWaitsTakesNone) {
  EXPECT_LT(CpuSecondsOfUnevenSteps(true), 0.020) << "of the 60 ms that worker 0 waits";
}

TEST(WorkerTeam, ARationedTeamEndsEachRunAndParksAndWakes) {
  WorkerTeam team(WorkerPlacement{3, {}, true});
  std::atomic<int> runs{0};
  for (int round = 0; round < 200; ++round) {
    team.Run([&](int worker) {
      if (worker == round % 3) std::this_thread::sleep_for(std::chrono::microseconds(50));
      ++runs;
    });
    EXPECT_EQ(runs.load(), 3 * (round + 1));
  }
}

TEST(TaskRanges, EveryTaskIsTakenOnceByTwoWorkersAndByOneAlone) {
  for (int workers : {1, 2, 3}) {
    TaskRanges ranges(workers);
    WorkerTeam team(workers);
    for (int count : {0, 1, 2, 7, 100}) {
      std::vector<std::atomic<int>> taken(static_cast<std::size_t>(count));
      ranges.Reset(count);
      team.Run([&](int worker) {
        for (int task = ranges.Take(worker); task >= 0; task = ranges.Take(worker))
          ++taken[static_cast<std::size_t>(task)];
      });
      for (const auto& times : taken) EXPECT_EQ(times.load(), 1);
      EXPECT_EQ(ranges.Take(0), -1);
    }
  }
}

TEST(TaskRanges, OneWorkerTakesOverTheShareOfAnother) {
  TaskRanges ranges(2);
  ranges.Reset(10);
  int sum = 0;
  for (int task = ranges.Take(0); task >= 0; task = ranges.Take(0)) sum += task;
  EXPECT_EQ(sum, 45);
}

}  // namespace
}  // namespace vivace::base
