// One step for `explain`: its arrays, how it is run and timed on a model, and what its phases cost.
// Ownership: a step's view points into it. Thread safety: one thread, worker 0 of the runner's team.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model_runner.h"
#include "program/phase_cost.h"
#include "vivace/explain.h"

namespace vivace::engine {

/// A step of one sequence, whose cache blocks are 0, 1, 2 and so on.
class ExplainedStep {
 public:
  ExplainedStep(int tokens, int context, int vocabulary);
  ExplainedStep(const ExplainedStep&) = delete;
  ExplainedStep& operator=(const ExplainedStep&) = delete;

  const tensor::StepView& view() const { return view_; }
  program::StepShape shape() const;

 private:
  std::vector<std::int32_t> token_ids_, positions_, kv_slots_, blocks_;
  std::int32_t logit_row_ = 0;
  tensor::SequenceView sequence_;
  tensor::StepView view_;
};

/// Phases of the program in execution order, joined ones as one: the rows of a StepExplanation, with their
/// places.
struct PhaseRow {
  PhaseExplanation facts;           // all but times
  std::vector<std::size_t> places;  // among the executor's phases
};
std::vector<PhaseRow> PhaseRows(const program::Program& program, const program::StepShape& shape);

/// Bytes of weights and cache that a step must read.
std::int64_t StepBytes(const std::vector<PhaseRow>& rows);

/// Says what each phase takes at best on such a machine and what bounds it, and adds up.
void HoldAgainst(const MachineRoof& roof, StepExplanation& step);

/// Writes numbers into the cache of the first `context` positions: pages that were never written would all be
/// one.
void FillCache(runtime::Executor& executor, int context);

}  // namespace vivace::engine
