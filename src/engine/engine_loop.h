// The loop that serves requests on one model: plan, run, sample, commit. Its thread is worker 0 of the
// runner's team and the only one that touches scheduler, runner and live requests; Submit, Cancel, Drain and
// stats may be called from any thread and meet it at one mutex. The runner and the text must outlive it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "engine/live_request.h"
#include "engine/model_runner.h"
#include "engine/model_text.h"
#include "engine/step_batch.h"
#include "engine/workload_recorder.h"
#include "sampling/sampler.h"
#include "scheduler/scheduler.h"
#include "vivace/engine.h"

namespace vivace::engine {

struct LoopConfig {
  scheduler::SchedulerConfig scheduler;
  int max_queued = 1024;   // requests beyond those that may run
  std::uint64_t seed = 0;  // from which requests without a seed get theirs
  RecorderConfig recorder;
  double log_stats_s = 0;  // seconds between statistics lines while there is traffic; 0: none
};

class EngineLoop {
 public:
  EngineLoop(ModelRunner& runner, const ModelText& text, const LoopConfig& config, base::Log log);
  ~EngineLoop();  // cancels what is left

  // As in vivace::Engine.
  Result<RequestId> Submit(Request request, OutputCallback on_output);
  void Cancel(RequestId id);
  bool Drain(double timeout_s);
  EngineStats stats() const;

 private:
  // Any thread.
  Status Check(const Request& request) const;

  // The loop's thread.
  void ThreadMain();
  bool TakeWork();
  void Begin(std::unique_ptr<LiveRequest> live);
  Result<scheduler::SequenceId> AddToScheduler(const Request& request);
  void CancelLive(RequestId id);
  void Step();
  void MarkStarted(const scheduler::Plan& plan);
  void SampleAll(const scheduler::Plan& plan);
  void SampleSequence(const scheduler::SequencePlan& plan, int first_logit);
  bool SampleNext(LiveRequest& live, const scheduler::SequencePlan& plan, int logit);
  void FailRequest(LiveRequest& live, const Status& status);
  void FailStep(const scheduler::Plan& plan);
  void PublishStats();
  bool StatsAreDue() const { return stats_began_ && since_stats_.Seconds() >= config_.log_stats_s; }
  void BeginStats();
  void LogStats();
  void Deliver(LiveRequest& live);
  void Retire(LiveRequest& live);
  LiveRequest& Live(scheduler::SequenceId id) { return *live_[static_cast<std::size_t>(id.value)]; }

  ModelRunner& runner_;
  const ModelText& text_;
  const LoopConfig config_;
  const base::Log log_;

  // The loop's thread only.
  scheduler::Scheduler scheduler_;
  StepBatch batch_;
  WorkloadRecorder recorder_;
  sampling::Sampler sampler_;
  sampling::SampleResult sampled_;                  // scratch
  std::vector<std::unique_ptr<LiveRequest>> live_;  // by SequenceId
  std::unordered_map<RequestId, scheduler::SequenceId> sequence_of_;
  std::vector<scheduler::SequenceResult> results_;     // of the step
  std::vector<LiveRequest*> to_deliver_;               // after the step
  std::vector<std::unique_ptr<LiveRequest>> arrived_;  // taken from arrivals_
  std::vector<RequestId> cancelled_;                   // taken from cancels_
  std::int64_t prompt_tokens_ = 0, generation_tokens_ = 0, numerical_errors_ = 0, steps_ = 0;

  bool stats_began_ = false;  // there was a step since the last statistics line
  Stopwatch since_stats_;     // runs from the first such step
  EngineStats logged_stats_;  // as of then

  mutable std::mutex mutex_;
  std::condition_variable work_;                        // for the loop
  std::condition_variable drained_;                     // for Drain
  std::vector<std::unique_ptr<LiveRequest>> arrivals_;  // guarded by mutex_, like all below
  std::vector<RequestId> cancels_;
  int unfinished_ = 0;  // submitted, last piece not yet delivered
  RequestId next_id_ = 1;
  bool draining_ = false;
  bool stopping_ = false;
  EngineStats stats_;

  std::thread thread_;  // last: starts when all else is ready
};

}  // namespace vivace::engine
