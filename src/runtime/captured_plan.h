// A plan: what every worker replays in one step, as a flat array of kernel, arguments and tasks. How many
// tasks a phase has is counted when the plan is captured, or anew for each step where it depends on more than
// the step's size. Thread safety: counted by one thread while no worker walks it; read by all. Ownership:
// points into bound phases, which must outlive it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/task.h"
#include "runtime/bind_phase.h"
#include "tensor/step_view.h"

namespace vivace::runtime {

/// Which steps replay a captured plan; the meanings, and the order in which a step looks for its plan (whole
/// step, then pieces, then none), are those of vLLM's cudagraph_mode. A uniform decode step has one token and
/// one row of logits for each sequence.
enum class CaptureMode : std::uint8_t {
  kNone,              // every step counts its own tasks
  kPiecewise,         // of every step all phases but attention and the last layer are captured
  kFull,              // as kFullAndPiecewise: a mixed step's attention has a grid of its own
  kFullDecodeOnly,    // uniform decode steps whole, others not at all
  kFullAndPiecewise,  // uniform decode steps whole, others in pieces
};

/// How a step is run.
enum class PlanKind : std::uint8_t { kCounted, kPiecewise, kFull };

/// A kernel bound to addresses, with its tasks.
struct PlannedPhase {
  kernels::TaskKernel kernel{};
  const void* arguments = nullptr;
  int tasks = 0;
};

/// Phases first .. last-1, whose tasks are handed out together. A barrier follows.
struct PlanInterval {
  int first = 0, last = 0;
  int tasks = 0;  // of all of them
};

/// What decides the number of a phase's tasks besides the rows of a step.
struct PhaseFacts {
  bool joined = false;      // no barrier before the next phase
  bool attention = false;   // the sequences
  bool last_layer = false;  // the rows of logits
};

class CapturedPlan {
 public:
  CapturedPlan() = default;
  /// Nothing is counted yet. facts[i] are those of *phases[i].
  CapturedPlan(std::span<const BoundPhase* const> phases, std::span<const PhaseFacts> facts);

  /// Counts the tasks of all phases, and leaves to Count those that `kind` does not capture. Of `step` only
  /// the sizes are read.
  void Capture(PlanKind kind, std::span<const PhaseFacts> facts, const tensor::StepView& step);
  /// Counts for this step what is not captured, or nothing before phase `first`. No allocation.
  void Count(const tensor::StepView& step, int first = 0);

  std::span<const PlanInterval> intervals() const { return intervals_; }
  const PlannedPhase& phase(int index) const { return phases_[static_cast<std::size_t>(index)]; }
  /// The interval that starts with that phase.
  int IntervalOf(int phase) const;

 private:
  struct Uncaptured {
    int phase, interval;
  };

  std::vector<PlannedPhase> phases_;     // of all layers, in execution order
  std::vector<PlanInterval> intervals_;  // in the same order
  std::vector<Uncaptured> uncaptured_;   // ascending
};

/// The plans of the step sizes (rows) that are captured. A size without a plan runs on the next lower kind
/// rather than being padded to the next larger size, as vLLM does for a GPU: a row more is as much arithmetic
/// more, and that costs more than counting the tasks of the phases anew.
class PlanTable {
 public:
  /// Plans for steps of up to max_rows rows.
  explicit PlanTable(int max_rows) : index_(static_cast<std::size_t>(max_rows) + 1, -1) {}
  /// Takes the place of the plan of these rows, if there is one.
  void Add(int rows, CapturedPlan plan);
  int size() const { return static_cast<int>(plans_.size()); }
  /// Null: that size is not captured.
  CapturedPlan* Find(int rows);

 private:
  std::vector<int> index_;  // by rows: of plans_, or -1
  std::vector<CapturedPlan> plans_;
};

}  // namespace vivace::runtime
