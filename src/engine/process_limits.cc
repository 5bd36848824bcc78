#include "engine/process_limits.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace vivace::engine {
namespace {

constexpr std::int64_t kGibibyte = std::int64_t{1} << 30;

std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

/// The number that a text begins with; nothing for "max" and the like.
std::optional<std::int64_t> Number(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> NumberOf(const std::string& path) {
  const auto lines = Lines(path);
  return lines.empty() ? std::nullopt : Number(lines.front());
}

/// "MemTotal:  123 kB" in bytes.
std::optional<std::int64_t> Kilobytes(const std::string& path, std::string_view key) {
  for (const std::string& line : Lines(path)) {
    if (!line.starts_with(key)) continue;
    const auto value = Number(std::string_view(line).substr(key.size()));
    if (value) return *value * 1024;
  }
  return std::nullopt;
}

/// The folders of a controller that hold for this process, innermost first: its own group and all above.
/// Version 2 has one tree; version 1 one for each controller, whose folder has the controllers' names.
struct GroupFolders {
  std::vector<std::string> version2, version1;
};

void AddAncestors(const std::string& root, std::string group, std::vector<std::string>& folders) {
  while (true) {
    folders.push_back(root + group);
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return;
    group.resize(slash);
  }
}

GroupFolders FindGroups(const SystemFolders& system, std::string_view controller) {
  GroupFolders groups;
  for (const std::string& line :
       Lines(system.proc + "/self/cgroup")) {  // "7:cpu,cpuacct:/group", "0::/group"
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    if (names.empty()) {
      AddAncestors(system.cgroup, group, groups.version2);
      AddAncestors(system.cgroup + "/unified", group, groups.version2);
      continue;
    }
    if (("," + names + ",").find("," + std::string(controller) + ",") == std::string::npos) continue;
    AddAncestors(system.cgroup + "/" + names, group, groups.version1);
    if (names != controller)
      AddAncestors(system.cgroup + "/" + std::string(controller), group, groups.version1);
  }
  return groups;
}

void Lower(std::optional<std::int64_t> limit, const char* source, MemoryLimit& memory) {
  if (!limit || *limit <= 0 || *limit >= memory.bytes) return;
  memory.bytes = *limit;
  memory.source = source;
}

/// Cores' worth of time in a period; no limit: nothing.
std::optional<double> Version2Cores(const std::string& folder) {
  const auto lines = Lines(folder + "/cpu.max");  // "150000 100000" or "max 100000"
  if (lines.empty()) return std::nullopt;
  const auto quota = Number(lines.front());
  const auto period = Number(lines.front().substr(std::min(lines.front().find(' '), lines.front().size())));
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> Version1Cores(const std::string& folder) {
  const auto quota = NumberOf(folder + "/cpu.cfs_quota_us");
  const auto period = NumberOf(folder + "/cpu.cfs_period_us");
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

int AffinityCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace

MemoryLimit ReadMemoryLimit(const SystemFolders& folders) {
  const std::string meminfo = folders.proc + "/meminfo";
  MemoryLimit memory;
  memory.bytes = Kilobytes(meminfo, "MemTotal:").value_or(kGibibyte);
  memory.source = "RAM";
  memory.available = Kilobytes(meminfo, "MemAvailable:").value_or(memory.bytes);
  memory.resident = Kilobytes(folders.proc + "/self/status", "VmRSS:").value_or(0);
  const GroupFolders groups = FindGroups(folders, "memory");
  for (const std::string& folder : groups.version2)
    Lower(NumberOf(folder + "/memory.max"), "cgroup memory.max", memory);
  for (const std::string& folder : groups.version1)
    Lower(NumberOf(folder + "/memory.limit_in_bytes"), "cgroup memory.limit_in_bytes", memory);
  memory.available = std::min(memory.available, memory.bytes);
  return memory;
}

std::optional<CpuQuota> ReadCpuQuota(const SystemFolders& folders) {
  std::optional<CpuQuota> tightest;
  const auto consider = [&](std::optional<double> cores, const char* source) {
    if (cores && (!tightest || *cores < tightest->cores)) tightest = {*cores, source};
  };
  const GroupFolders groups = FindGroups(folders, "cpu");
  for (const std::string& folder : groups.version2) consider(Version2Cores(folder), "cgroup cpu.max");
  for (const std::string& folder : groups.version1)
    consider(Version1Cores(folder), "cgroup cpu.cfs_quota_us");
  return tightest;
}

int AvailableCores(const SystemFolders& folders) {
  const int cores = AffinityCores();
  const auto quota = ReadCpuQuota(folders);
  if (!quota || quota->cores >= cores) return cores;
  return std::max(1, static_cast<int>(std::ceil(quota->cores)));
}

}  // namespace vivace::engine
