// Records the sizes and times of the steps of a running engine: counted at every step without an allocation
// or a system call, logged and written every few seconds of traffic. Thread safety: one thread, the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"
#include "engine/stopwatch.h"
#include "engine/workload_profile.h"
#include "vivace/options.h"

namespace vivace::engine {

struct RecorderConfig {
  double log_interval_s = 0;  // between lines in the log; 0: none
  std::string out = {};       // file of the profile; empty: none

  /// Is told the text as well, from the loop's thread, once there were enough steps for a profile.
  std::function<void(std::string)> keep = {};

  bool records() const { return log_interval_s > 0 || !out.empty(); }
};

/// Of --log-batchsize-interval and --profile-out.
RecorderConfig ResolveRecorder(const Options& options);

class WorkloadRecorder {
 public:
  /// Takes all memory for steps of up to max_rows rows.
  WorkloadRecorder(const RecorderConfig& config, int max_rows);

  void Add(int rows, double seconds);
  /// True when a report is due and there were steps since the last.
  bool IsDue() const;
  /// Logs and writes what was recorded since the start. What goes wrong is a warning, once.
  void Report(const base::Log& log);
  /// Writes the file once more, if there is one and there were steps since.
  void Finish(const base::Log& log);

  WorkloadProfile profile() const;

 private:
  static constexpr int kTimes = 16;  // the latest, of which the median is taken
  struct Size {
    std::int64_t steps = 0;
    float ms[kTimes] = {};
  };
  void Write(const base::Log& log);

  const RecorderConfig config_;
  const double interval_s_;
  std::vector<Size> sizes_;  // by rows
  bool changed_ = false, failed_ = false;
  Stopwatch since_report_;
};

}  // namespace vivace::engine
