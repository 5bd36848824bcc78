// How large the steps of a server were: counts and times by the number of rows, as a text that one run writes
// and a later one reads to choose its compile sizes. Plain data and pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::engine {

/// Steps of one size.
struct StepCount {
  int rows = 0;
  std::int64_t steps = 0;
  double median_ms = 0;  // of a step; 0: not known
};

struct WorkloadProfile {
  static constexpr int kMostRows = 65536;
  static constexpr std::size_t kMostBytes = std::size_t{4} << 20;  // of the text

  std::vector<StepCount> sizes;  // each number of rows once

  std::int64_t steps() const;
};

/// "vivace profile 1", then a line a size, the most frequent first:
///   rows 9 steps 769 ms 3.125
std::string Print(const WorkloadProfile& profile);
/// kInvalidArgument names the line and what is wrong with it.
Result<WorkloadProfile> ParseProfile(std::string_view text);
/// The same of a file, which the error names, too. kNotFound: there is no such file.
Result<WorkloadProfile> ReadProfile(const std::string& path);
/// Replaces the file as a whole. kUnavailable names it.
Status WriteProfile(const std::string& path, const WorkloadProfile& profile);

/// vLLM's two lines: "Batchsize distribution (batchsize, count): [(256, 769), (232, 215)]" and "Batchsize
/// forward time stats (batchsize, count, median_time(ms)): [(1, 46, 14.68)]", the most frequent first; the
/// second leaves out sizes that came once. Empty where there is nothing to say.
std::string DistributionLine(const WorkloadProfile& profile);
std::string TimesLine(const WorkloadProfile& profile);

/// The sizes that an exact plan is worth most for.
struct ChosenSizes {
  std::vector<int> rows;  // ascending
  std::string why;        // "9 (43 %), 23 (31 %): 74 % of the step time of 1,234 steps"
};
/// At most `count` sizes of up to max_rows rows. An exact plan saves some share of the time of a step, so
/// that the expected time is least when the sizes on which most time is spent have one. Sizes on which less
/// than a hundredth of it is spent are left to the general shape.
ChosenSizes ChooseSizes(const WorkloadProfile& profile, int count, int max_rows);

}  // namespace vivace::engine
