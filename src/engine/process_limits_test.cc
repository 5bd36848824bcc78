#include "engine/process_limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace vivace::engine {
namespace {

// Folders that look like /proc and /sys/fs/cgroup.
class ProcessLimitsTest : public testing::Test {
 protected:
  ProcessLimitsTest() : root_(testing::TempDir() + "limits_" + std::to_string(::getpid())) {
    Write("proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable:    8192000 kB\n");
    Write("proc/self/status", "Name:\tvivace\nVmPeak:\t  9 kB\nVmRSS:\t    2048 kB\n");
  }
  ~ProcessLimitsTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_ + "/" + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  MemoryLimit Memory() const { return ReadMemoryLimit(folders()); }
  int Cores() const { return AvailableCores(folders()); }
  SystemFolders folders() const { return {root_ + "/proc", root_ + "/cgroup"}; }

  std::string root_;
};

TEST_F(ProcessLimitsTest, WithoutControlGroupsTheMachineIsTheLimit) {
  EXPECT_EQ(Memory().bytes, 16384000LL * 1024);
  EXPECT_EQ(Memory().source, "RAM");
  EXPECT_EQ(Memory().available, 8192000LL * 1024);
  EXPECT_EQ(Memory().resident, 2048 * 1024);
  EXPECT_EQ(Cores(), AvailableCores({root_ + "/none", root_ + "/none"}));
}

TEST_F(ProcessLimitsTest, Version2TakesTheTightestOfTheGroupAndThoseAbove) {
  Write("proc/self/cgroup", "0::/slice/pod\n");
  Write("cgroup/slice/pod/memory.max", "max\n");
  Write("cgroup/slice/memory.max", "2147483648\n");
  Write("cgroup/memory.max", "4294967296\n");
  EXPECT_EQ(Memory().bytes, 2147483648);
  EXPECT_EQ(Memory().source, "cgroup memory.max");
  EXPECT_EQ(Memory().available, 2147483648) << "no more than the limit";
  Write("cgroup/slice/pod/cpu.max", "max 100000\n");
  Write("cgroup/slice/cpu.max", "50000 100000\n");
  EXPECT_EQ(Cores(), 1);
}

TEST_F(ProcessLimitsTest, TheTightestQuotaIsReadWithItsSource) {
  EXPECT_FALSE(ReadCpuQuota(folders()).has_value());
  Write("proc/self/cgroup", "4:cpu,cpuacct:/pod\n0::/slice/pod\n");
  Write("cgroup/slice/pod/cpu.max", "150000 100000\n");
  EXPECT_EQ(ReadCpuQuota(folders())->cores, 1.5);
  EXPECT_EQ(ReadCpuQuota(folders())->source, "cgroup cpu.max");
  Write("cgroup/cpu,cpuacct/pod/cpu.cfs_quota_us", "25000\n");
  Write("cgroup/cpu,cpuacct/pod/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ReadCpuQuota(folders())->cores, 0.25);
  EXPECT_EQ(ReadCpuQuota(folders())->source, "cgroup cpu.cfs_quota_us");
}

TEST_F(ProcessLimitsTest, Version2InAContainerSeesItsOwnGroupAsTheRoot) {
  Write("proc/self/cgroup", "0::/\n");
  Write("cgroup/memory.max", "1073741824\n");
  Write("cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(Memory().bytes, 1073741824);
  EXPECT_EQ(Cores(), 1);
}

TEST_F(ProcessLimitsTest, Version1HasAFolderForEachController) {
  Write("proc/self/cgroup", "11:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n");
  Write("cgroup/memory/docker/abc/memory.limit_in_bytes", "536870912\n");
  Write("cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "80000\n");
  Write("cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Memory().bytes, 536870912);
  EXPECT_EQ(Memory().source, "cgroup memory.limit_in_bytes");
  EXPECT_EQ(Cores(), 1);
}

TEST_F(ProcessLimitsTest, Version1InAContainerReadsTheMountsRootAndNoLimitIsNone) {
  Write("proc/self/cgroup", "11:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n");
  Write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  Write("cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Memory().source, "RAM");
  EXPECT_EQ(Cores(), AvailableCores({root_ + "/none", root_ + "/none"}));
}

TEST_F(ProcessLimitsTest, BrokenFilesCountAsNoLimit) {
  Write("proc/self/cgroup", "nonsense\n0::/x\n:::\n\n");
  Write("cgroup/x/memory.max", "");
  Write("cgroup/memory.max", "-5\n");
  Write("cgroup/x/cpu.max", "0 0\n");
  Write("cgroup/cpu.max", "100000\n");
  EXPECT_EQ(Memory().source, "RAM");
  EXPECT_GE(Cores(), 1);
  const MemoryLimit nothing = ReadMemoryLimit({root_ + "/none", root_ + "/none"});
  EXPECT_EQ(nothing.bytes, 1 << 30);
  EXPECT_EQ(nothing.resident, 0);
}

TEST(ProcessLimits, ThisMachineHasSome) {
  EXPECT_GT(ReadMemoryLimit().bytes, 1 << 20);
  EXPECT_GT(ReadMemoryLimit().resident, 1 << 16);
  EXPECT_GE(AvailableCores(), 1);
}

}  // namespace
}  // namespace vivace::engine
