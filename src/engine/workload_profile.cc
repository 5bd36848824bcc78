#include "engine/workload_profile.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "base/text_scanner.h"
#include "engine/kv_cache_size.h"

namespace vivace::engine {
namespace {

constexpr std::int64_t kMostSteps = std::int64_t{1} << 53;  // exact as a double
constexpr float kMostMs = 1e7F;
constexpr double kLeastShare = 0.01;  // of the time, for a size of its own

std::vector<StepCount> MostFrequentFirst(std::vector<StepCount> sizes) {
  std::stable_sort(sizes.begin(), sizes.end(),
                   [](const StepCount& a, const StepCount& b) { return a.steps > b.steps; });
  return sizes;
}

// A step without a time counts as its rows say: reading the weights, and then something for each row.
double TimeOf(const StepCount& size) {
  const double ms = size.median_ms > 0 ? size.median_ms : 1 + size.rows / 16.0;
  return ms * static_cast<double>(size.steps);
}

Result<StepCount> ReadSize(base::TextScanner& scan) {
  StepCount size;
  VIVACE_RETURN_IF_ERROR(scan.Expect("rows"));
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t rows, scan.Integer(1, WorkloadProfile::kMostRows));
  VIVACE_RETURN_IF_ERROR(scan.Expect("steps"));
  VIVACE_ASSIGN_OR_RETURN(size.steps, scan.Integer(1, kMostSteps));
  VIVACE_RETURN_IF_ERROR(scan.Expect("ms"));
  VIVACE_ASSIGN_OR_RETURN(const float ms, scan.Number());
  if (!(ms >= 0 && ms <= kMostMs)) return scan.Error("a time must be 0 to 1e7 ms");
  VIVACE_RETURN_IF_ERROR(scan.ExpectLineDone());
  size.rows = static_cast<int>(rows);
  size.median_ms = ms;
  return size;
}

Status CannotWrite(const std::string& path) {
  return Unavailable(fmt::format("cannot write the profile '{}': {}", path, std::strerror(errno)));
}

}  // namespace

std::int64_t WorkloadProfile::steps() const {
  std::int64_t sum = 0;
  for (const StepCount& size : sizes) sum += size.steps;
  return sum;
}

std::string Print(const WorkloadProfile& profile) {
  std::string out = "vivace profile 1\n";
  for (const StepCount& size : MostFrequentFirst(profile.sizes))
    out += fmt::format("rows {} steps {} ms {:.3f}\n", size.rows, size.steps, size.median_ms);
  return out;
}

Result<WorkloadProfile> ParseProfile(std::string_view text) {
  if (text.size() > WorkloadProfile::kMostBytes)
    return InvalidArgument(fmt::format("a profile has at most {} bytes", WorkloadProfile::kMostBytes));
  base::TextScanner scan(text);
  if (!scan.NextLine()) return InvalidArgument("line 1: expected 'vivace profile 1', the text is empty");
  for (const std::string_view word : {"vivace", "profile", "1"}) VIVACE_RETURN_IF_ERROR(scan.Expect(word));
  VIVACE_RETURN_IF_ERROR(scan.ExpectLineDone());
  WorkloadProfile profile;
  std::set<int> seen;
  std::int64_t steps = 0;
  while (scan.NextLine()) {
    VIVACE_ASSIGN_OR_RETURN(const StepCount size, ReadSize(scan));
    if (!seen.insert(size.rows).second)
      return scan.Error(fmt::format("there are two lines of {} rows", size.rows));
    if (steps += size.steps; steps > kMostSteps)
      return scan.Error("there are more steps than can be counted");
    profile.sizes.push_back(size);
  }
  return profile;
}

Result<WorkloadProfile> ReadProfile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound(fmt::format("cannot read the profile '{}': {}", path, std::strerror(errno)));
  std::string text(WorkloadProfile::kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  auto profile = ParseProfile(text);
  if (profile.ok()) return profile;
  return InvalidArgument(
      fmt::format("the profile '{}' cannot be used: {}", path, profile.status().message()));
}

Status WriteProfile(const std::string& path, const WorkloadProfile& profile) {
  const std::string fresh = fmt::format("{}.{}.new", path, getpid());
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file << Print(profile);
  file.close();
  if (file && std::rename(fresh.c_str(), path.c_str()) == 0) return Status::Ok();
  Status status = CannotWrite(path);
  unlink(fresh.c_str());
  return status;
}

std::string DistributionLine(const WorkloadProfile& profile) {
  std::string list;
  for (const StepCount& size : MostFrequentFirst(profile.sizes))
    list += fmt::format("{}({}, {})", list.empty() ? "" : ", ", size.rows, size.steps);
  return list.empty() ? "" : "Batchsize distribution (batchsize, count): [" + list + "]";
}

std::string TimesLine(const WorkloadProfile& profile) {
  std::string list;
  for (const StepCount& size : MostFrequentFirst(profile.sizes)) {
    if (size.steps < 2) continue;
    list +=
        fmt::format("{}({}, {}, {:.2f})", list.empty() ? "" : ", ", size.rows, size.steps, size.median_ms);
  }
  return list.empty() ? ""
                      : "Batchsize forward time stats (batchsize, count, median_time(ms)): [" + list + "]";
}

ChosenSizes ChooseSizes(const WorkloadProfile& profile, int count, int max_rows) {
  std::vector<StepCount> sizes = profile.sizes;
  double all = 0, covered = 0;
  for (const StepCount& size : sizes) all += TimeOf(size);
  std::erase_if(
      sizes, [&](const StepCount& size) { return size.rows > max_rows || TimeOf(size) < kLeastShare * all; });
  std::stable_sort(sizes.begin(), sizes.end(),
                   [](const StepCount& a, const StepCount& b) { return TimeOf(a) > TimeOf(b); });
  if (sizes.size() > static_cast<std::size_t>(count)) sizes.resize(static_cast<std::size_t>(count));
  ChosenSizes chosen;
  for (const StepCount& size : sizes) {
    chosen.rows.push_back(size.rows);
    covered += TimeOf(size);
    chosen.why +=
        fmt::format("{}{} ({:.0f} %)", chosen.why.empty() ? "" : ", ", size.rows, 100 * TimeOf(size) / all);
  }
  std::sort(chosen.rows.begin(), chosen.rows.end());
  chosen.why =
      fmt::format("{}: {:.0f} % of the step time of {} steps", chosen.why.empty() ? "none" : chosen.why,
                  all > 0 ? 100 * covered / all : 0, Grouped(profile.steps()));
  return chosen;
}

}  // namespace vivace::engine
