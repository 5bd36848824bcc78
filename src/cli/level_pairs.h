// Which of two levels is faster, by how much, and how sure that is. Which memory pages a process gets shifts
// its speed by several per cent for its whole life, and machines drift by more: so the unit is a pair of
// fresh processes that answer in turns, and the figure the median of the pairs' ratios with its interval.
// Thread safety: one thread.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cli/bench_statistics.h"
#include "vivace/status.h"

namespace vivace::cli {

/// A process that runs one level.
class LevelSource {
 public:
  virtual ~LevelSource() = default;
  /// Tokens per second, or what else the question asks for.
  virtual Result<double> Ask(const std::string& question) = 0;
};

/// "holds": the interval's lower bound is at least the contract's; "broken": its upper bound is below it.
enum class Verdict { kHolds, kBroken, kUndecided };
std::string_view Name(Verdict verdict);

/// What is asked, "decode 16 8", and the name of its column.
struct SpeedQuestion {
  std::string name, text;
};

/// One level beside the one below it in one kind of speed.
struct LevelRatio {
  int lower = 0, higher = 1;
  std::string name;            // of the question
  std::vector<double> ratios;  // of each pair of processes: higher by lower
  double median = 0;
  Interval interval;  // of the median, 95 %
  Verdict verdict = Verdict::kUndecided;
};

/// A speed that a pair's measurement saw.
struct SpeedSample {
  int level = 0;
  std::string name;
  double tokens_per_s = 0;
};

struct PairPlan {
  std::vector<std::pair<int, int>> pairs;  // lower level, higher level
  /// What a pair of levels is asked: the same sizes for both.
  std::function<std::vector<SpeedQuestion>(int lower, int higher)> questions;
  int turns = 3;        // how often each process of a pair answers each question
  int least_pairs = 8;  // before anything is decided
  double bound = 0.98;  // of the contract
  double width = 0.03;  // an interval is narrow enough when its ends are no further apart
  double seconds = 60;  // after which what is open stays undecided
};

struct PairResults {
  std::vector<LevelRatio> ratios;
  std::vector<SpeedSample> speeds;
};

/// Starts pairs of processes and asks them in turns, in random order, until each ratio is decided and its
/// interval narrow, or the time is over. `seconds_now` is a clock. `on_pair` is called after each pair.
Result<PairResults> MeasurePairs(const PairPlan& plan,
                                 const std::function<Result<std::unique_ptr<LevelSource>>(int level)>& start,
                                 const std::function<double()>& seconds_now,
                                 const std::function<void()>& on_pair, std::mt19937& random);

}  // namespace vivace::cli
