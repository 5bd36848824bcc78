#include "cli/level_pairs.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/status_macros.h"

namespace vivace::cli {
namespace {

using StartLevel = std::function<Result<std::unique_ptr<LevelSource>>(int level)>;

/// Two fresh processes; started and asked in random order.
class Pair {
 public:
  Pair(int lower, int higher, std::mt19937& random) : levels_{lower, higher}, random_(random) {}

  Status Start(const StartLevel& start) {
    for (const int side : Order()) {
      VIVACE_ASSIGN_OR_RETURN(sources_[side], start(levels_[side]));
    }
    return Status::Ok();
  }

  /// Their ratio: the median over the turns. The first answers, which warm them up, do not count.
  Result<double> Ratio(const SpeedQuestion& question, int turns, std::vector<SpeedSample>& speeds) {
    std::vector<double> ratios;
    for (int turn = 0; turn <= turns; ++turn) {
      double answers[2] = {};
      for (const int side : Order()) {
        VIVACE_ASSIGN_OR_RETURN(answers[side], sources_[side]->Ask(question.text));
        if (answers[side] <= 0) return Internal("a speed of 0 was measured for '" + question.text + "'");
      }
      if (turn == 0) continue;
      for (int side = 0; side < 2; ++side) speeds.push_back({levels_[side], question.name, answers[side]});
      ratios.push_back(answers[1] / answers[0]);
    }
    return Median(ratios);
  }

 private:
  std::array<int, 2> Order() {
    const int first = static_cast<int>(random_() % 2);
    return {first, 1 - first};
  }

  const int levels_[2];
  std::mt19937& random_;
  std::unique_ptr<LevelSource> sources_[2];
};

void Decide(const PairPlan& plan, LevelRatio& ratio) {
  ratio.median = Median(ratio.ratios);
  ratio.interval = BootstrapMedian(ratio.ratios);
  ratio.verdict = Verdict::kUndecided;
  if (static_cast<int>(ratio.ratios.size()) < plan.least_pairs) return;
  if (ratio.interval.low >= plan.bound) ratio.verdict = Verdict::kHolds;
  if (ratio.interval.high < plan.bound) ratio.verdict = Verdict::kBroken;
}

/// Far from the bound, or known well enough.
bool IsDone(const PairPlan& plan, const LevelRatio& ratio) {
  if (ratio.verdict == Verdict::kUndecided) return false;
  const double distance =
      ratio.verdict == Verdict::kHolds ? ratio.interval.low - plan.bound : plan.bound - ratio.interval.high;
  return distance > plan.width || ratio.interval.high - ratio.interval.low <= plan.width;
}

}  // namespace

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "holds";
    case Verdict::kBroken:
      return "broken";
    case Verdict::kUndecided:
      break;
  }
  return "undecided";
}

Result<PairResults> MeasurePairs(const PairPlan& plan, const StartLevel& start,
                                 const std::function<double()>& seconds_now,
                                 const std::function<void()>& on_pair, std::mt19937& random) {
  PairResults results;
  for (const auto& [lower, higher] : plan.pairs) {
    for (const SpeedQuestion& question : plan.questions(lower, higher))
      results.ratios.push_back({lower, higher, question.name, {}, 0, {}, Verdict::kUndecided});
  }
  const double end = seconds_now() + plan.seconds;
  bool is_open = true;
  while (is_open && seconds_now() < end) {
    is_open = false;
    for (const auto& [lower, higher] : plan.pairs) {
      std::map<std::string, LevelRatio*> open;
      for (LevelRatio& ratio : results.ratios) {
        if (ratio.lower == lower && !IsDone(plan, ratio)) open[ratio.name] = &ratio;
      }
      if (open.empty() || seconds_now() >= end) continue;
      is_open = true;
      Pair pair(lower, higher, random);
      VIVACE_RETURN_IF_ERROR(pair.Start(start));
      for (const SpeedQuestion& question : plan.questions(lower, higher)) {
        const auto found = open.find(question.name);
        if (found == open.end()) continue;
        VIVACE_ASSIGN_OR_RETURN(const double value, pair.Ratio(question, plan.turns, results.speeds));
        found->second->ratios.push_back(value);
        Decide(plan, *found->second);
      }
      on_pair();
    }
  }
  return results;
}

}  // namespace vivace::cli
