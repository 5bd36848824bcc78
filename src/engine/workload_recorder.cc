#include "engine/workload_recorder.h"

#include <algorithm>

namespace vivace::engine {
namespace {

constexpr std::int64_t kLeastSteps = 200;  // of a profile that is worth keeping
constexpr double kFileInterval_s = 60;     // of a file alone

}  // namespace

RecorderConfig ResolveRecorder(const Options& options) {
  return {.log_interval_s = std::max(0.0, options.Number("log-batchsize-interval")),
          .out = options.Text("profile-out")};
}

WorkloadRecorder::WorkloadRecorder(const RecorderConfig& config, int max_rows)
    : config_(config), interval_s_(config.log_interval_s > 0 ? config.log_interval_s : kFileInterval_s) {
  if (config.records()) sizes_.resize(static_cast<std::size_t>(max_rows) + 1);
}

void WorkloadRecorder::Add(int rows, double seconds) {
  if (static_cast<std::size_t>(rows) >= sizes_.size()) return;
  if (!changed_) since_report_.Lap();  // an interval begins with traffic
  changed_ = true;
  Size& size = sizes_[static_cast<std::size_t>(rows)];
  size.ms[size.steps++ % kTimes] = static_cast<float>(seconds * 1e3);
}

bool WorkloadRecorder::IsDue() const {
  return changed_ && since_report_.Seconds() >= interval_s_;
}

void WorkloadRecorder::Report(const base::Log& log) {
  changed_ = false;
  if (config_.log_interval_s > 0) {
    const WorkloadProfile now = profile();
    for (const std::string& line : {DistributionLine(now), TimesLine(now)}) {
      if (!line.empty()) log.Info(line);
    }
  }
  Write(log);
}

void WorkloadRecorder::Finish(const base::Log& log) {
  if (changed_) Report(log);
}

void WorkloadRecorder::Write(const base::Log& log) {
  const WorkloadProfile now = profile();
  if (config_.keep && now.steps() >= kLeastSteps) config_.keep(Print(now));
  if (config_.out.empty() || failed_) return;
  const Status status = WriteProfile(config_.out, now);
  if (status.ok()) return;
  failed_ = true;
  log.Warning("--profile-out: " + status.message());
}

WorkloadProfile WorkloadRecorder::profile() const {
  WorkloadProfile out;
  for (std::size_t rows = 1; rows < sizes_.size(); ++rows) {
    const Size& size = sizes_[rows];
    if (size.steps == 0) continue;
    std::vector<float> times(size.ms, size.ms + std::min<std::int64_t>(size.steps, kTimes));
    std::sort(times.begin(), times.end());
    out.sizes.push_back({static_cast<int>(rows), size.steps, times[times.size() / 2]});
  }
  return out;
}

}  // namespace vivace::engine
