#include "base/cpu_placement.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "base/status_macros.h"

namespace vivace::base {
namespace {

constexpr int kMaxCpu = 65535;  // more than any kernel has; keeps "0-999999999" from taking memory

constexpr std::string_view kForms = "it must be auto, nobind or CPUs such as 0-31, 0,2,4 or 0-15|16-31";

// Takes what stands before `separator` (or all) off the front of `text`.
std::string_view TakeWord(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view word = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return word;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool ParseCpu(std::string_view text, int& cpu) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  return error == std::errc() && end == text.data() + text.size() && cpu >= 0 && cpu <= kMaxCpu;
}

// Adds the CPUs of "7" or "4-7". False: it is neither.
bool AddRange(std::string_view word, std::vector<int>& cpus) {
  std::string_view rest = word;
  const bool range = word.find('-') != std::string_view::npos;
  int first = 0;
  if (!ParseCpu(Trimmed(TakeWord(rest, '-')), first)) return false;
  int last = first;
  if (range && (!ParseCpu(Trimmed(rest), last) || last < first)) return false;
  for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  return true;
}

Result<std::vector<int>> ParseList(std::string_view text) {
  std::vector<int> cpus;
  bool more = true;
  while (more) {
    more = text.find(',') != std::string_view::npos;
    const std::string_view word = Trimmed(TakeWord(text, ','));
    if (!AddRange(word, cpus)) return InvalidArgument(fmt::format("'{}' names no CPU: {}", word, kForms));
    if (static_cast<int>(cpus.size()) > kMaxCpu + 1) break;
  }
  std::vector<int> sorted = cpus;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return cpus;
  return InvalidArgument(fmt::format("CPU {} is named twice: each worker has a CPU of its own", *twice));
}

Result<WorkerPlacement> PlaceOnList(const std::vector<int>& list, int workers, std::span<const int> allowed,
                                    int existing) {
  for (const int cpu : list) {
    if (std::find(allowed.begin(), allowed.end(), cpu) != allowed.end()) continue;
    if (cpu >= existing) {
      return InvalidArgument(
          fmt::format("CPU {} does not exist: this machine has 0-{}", cpu, std::max(existing, 1) - 1));
    }
    return InvalidArgument(
        fmt::format("CPU {} may not be used by this process: its affinity or its control group allows {}",
                    cpu, CpuListText(allowed)));
  }
  const int size = static_cast<int>(list.size());
  if (workers == 0) workers = size;
  if (workers > size) {
    return InvalidArgument(
        fmt::format("{} workers are to run on the {} CPUs {}: name one for each, or ask for fewer workers",
                    workers, size, CpuListText(list)));
  }
  return WorkerPlacement{workers, {list.begin(), list.begin() + workers}};
}

}  // namespace

Result<CpuPlacement> ParseCpuPlacement(std::string_view text) {
  CpuPlacement placement;
  const std::string_view word = Trimmed(text);
  if (word.empty() || word == "auto") return placement;
  if (word == "nobind") {
    placement.kind = CpuPlacement::Kind::kFree;
    return placement;
  }
  placement.kind = CpuPlacement::Kind::kListed;
  bool more = true;
  while (more) {
    more = text.find('|') != std::string_view::npos;
    VIVACE_ASSIGN_OR_RETURN(std::vector<int> cpus, ParseList(TakeWord(text, '|')));
    placement.ranks.push_back(std::move(cpus));
  }
  return placement;
}

std::string CpuListText(std::span<const int> cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += last == i ? fmt::format("{}", cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[last]);
    i = last + 1;
  }
  return text;
}

std::vector<int> AllowedCpus() {
  std::vector<int> cpus;
  // The kernel refuses a set that is smaller than its own, whose size it does not tell.
  for (int count = CPU_SETSIZE; count <= kMaxCpu + 1; count *= 2) {
    std::vector<cpu_set_t> set(static_cast<std::size_t>(count) / CPU_SETSIZE);
    const std::size_t bytes = set.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, set.data()) != 0) continue;
    for (int cpu = 0; cpu < count; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set.data())) cpus.push_back(cpu);
    }
    break;
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

Result<WorkerPlacement> PlaceWorkers(const CpuPlacement& wish, int workers, std::span<const int> allowed,
                                     int existing, int rank) {
  if (wish.kind != CpuPlacement::Kind::kListed) {
    return WorkerPlacement{workers == 0 ? static_cast<int>(allowed.size()) : workers, {}};
  }
  if (rank < 0 || static_cast<std::size_t>(rank) >= wish.ranks.size()) {
    return InvalidArgument(fmt::format(
        "there are {} lists of CPUs, but none for rank {}: add one behind a '|'", wish.ranks.size(), rank));
  }
  return PlaceOnList(wish.ranks[static_cast<std::size_t>(rank)], workers, allowed, existing);
}

Result<WorkerPlacement> PlaceWorkers(const CpuPlacement& wish, int workers) {
  return PlaceWorkers(wish, workers, AllowedCpus(), static_cast<int>(::sysconf(_SC_NPROCESSORS_CONF)));
}

}  // namespace vivace::base
