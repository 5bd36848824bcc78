// One program that requests run on, with what belongs to it alone: the runner with its KV cache, the
// scheduler whose prefix cache names it, and the requests that began on it. A request ends where it began;
// see EngineLoop::Offer. Owned by the loop and used on its thread.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "engine/live_request.h"
#include "engine/model_runner.h"
#include "engine/step_batch.h"
#include "scheduler/scheduler.h"

namespace vivace::engine {

struct Tier {
  /// Without its runner, which is given when nothing can fail any more.
  explicit Tier(const scheduler::SchedulerConfig& config)
      : scheduler(config), batch(config.max_batched_tokens, config.max_num_seqs) {}

  LiveRequest& Live(scheduler::SequenceId id) { return *live[static_cast<std::size_t>(id.value)]; }

  std::unique_ptr<ModelRunner> runner;
  scheduler::Scheduler scheduler;
  StepBatch batch;
  std::vector<std::unique_ptr<LiveRequest>> live;  // by SequenceId
};

}  // namespace vivace::engine
