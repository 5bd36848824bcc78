#include "runtime/captured_plan.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace vivace::runtime {

CapturedPlan::CapturedPlan(std::span<const BoundPhase* const> phases, std::span<const PhaseFacts> facts) {
  VIVACE_CHECK(phases.size() == facts.size());
  phases_.reserve(phases.size());
  bool joined = false;
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const int index = static_cast<int>(i);
    phases_.push_back({phases[i]->kernel, phases[i]->arguments(), 0});
    if (!joined) intervals_.push_back({index, index, 0});
    intervals_.back().last = index + 1;
    uncaptured_.push_back({index, static_cast<int>(intervals_.size()) - 1});
    joined = facts[i].joined;
  }
}

void CapturedPlan::Capture(PlanKind kind, std::span<const PhaseFacts> facts, const tensor::StepView& step) {
  Count(step);
  std::erase_if(uncaptured_, [&](const Uncaptured& entry) {
    const PhaseFacts& phase = facts[static_cast<std::size_t>(entry.phase)];
    return kind == PlanKind::kFull || (kind == PlanKind::kPiecewise && !phase.attention && !phase.last_layer);
  });
}

void CapturedPlan::Count(const tensor::StepView& step, int first) {
  for (const Uncaptured& entry : uncaptured_) {
    if (entry.phase < first) continue;
    PlannedPhase& phase = phases_[static_cast<std::size_t>(entry.phase)];
    const int tasks = phase.kernel.grid(phase.arguments, step);
    intervals_[static_cast<std::size_t>(entry.interval)].tasks += tasks - phase.tasks;
    phase.tasks = tasks;
  }
}

int CapturedPlan::IntervalOf(int phase) const {
  const auto found = std::lower_bound(intervals_.begin(), intervals_.end(), phase,
                                      [](const PlanInterval& interval, int p) { return interval.first < p; });
  return static_cast<int>(found - intervals_.begin());
}

void PlanTable::Add(int rows, CapturedPlan plan) {
  int& index = index_.at(static_cast<std::size_t>(rows));
  if (index >= 0) {
    plans_[static_cast<std::size_t>(index)] = std::move(plan);
    return;
  }
  index = static_cast<int>(plans_.size());
  plans_.push_back(std::move(plan));
}

CapturedPlan* PlanTable::Find(int rows) {
  const int index = index_[static_cast<std::size_t>(rows)];
  return index < 0 ? nullptr : &plans_[static_cast<std::size_t>(index)];
}

}  // namespace vivace::runtime
