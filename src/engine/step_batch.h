// The arrays of one step, as the kernels want them, filled from the scheduler's plan. All memory is taken in
// the constructor. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/scheduler.h"
#include "tensor/step_view.h"

namespace vivace::engine {

class StepBatch {
 public:
  StepBatch(int max_rows, int max_sequences);

  /// The view points into this object and into the plan's page tables: valid until the next Fill or the
  /// plan's end.
  const tensor::StepView& Fill(const scheduler::Plan& plan);

 private:
  void AppendSequence(const scheduler::SequencePlan& sequence);

  std::vector<std::int32_t> token_ids_, positions_, kv_slots_, logit_rows_;  // [max_rows]
  std::vector<tensor::SequenceView> sequences_;
  tensor::StepView view_;
};

}  // namespace vivace::engine
