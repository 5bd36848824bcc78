// What this process may use of the machine: memory and cores, as the kernel and control groups (versions 1
// and 2) say. Free functions that read files; the folders are parameters so that tests can make their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vivace::engine {

struct SystemFolders {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

struct MemoryLimit {
  std::int64_t bytes = 0;      // that this process may use in all: RAM, or less where a control group says so
  std::string source;          // what sets it, for messages: "RAM", "cgroup memory.max"
  std::int64_t available = 0;  // that could be taken now without pressing others
  std::int64_t resident = 0;   // that this process holds now
};

/// Never fails: what cannot be read counts as no limit; without any word at all 1 GiB.
MemoryLimit ReadMemoryLimit(const SystemFolders& folders = {});

/// Cores that this process can keep busy: those of its affinity, or fewer where the cpu.max (or cfs quota) of
/// a control group allows less time; part of a core counts as one. At least 1.
int AvailableCores(const SystemFolders& folders = {});

struct CpuQuota {
  double cores = 0;    // worth of CPU time that this process may use: 0.5 is half a core's
  std::string source;  // what says so, for messages: "cgroup cpu.max"
};
/// The tightest quota of the control groups of this process; nothing where none limits it.
std::optional<CpuQuota> ReadCpuQuota(const SystemFolders& folders = {});

}  // namespace vivace::engine
