// The loop that serves requests on one model: plan, run, sample, commit. Its thread is worker 0 of the
// runner's team and the only one that touches schedulers, runners and live requests; Submit, Cancel, Drain,
// Offer and stats may be called from any thread and meet it at one mutex. Ownership: owns its runners; the
// text must outlive it. Where memory runs out, the request that it ran out for ends with kResourceExhausted,
// or those of the step, or, where it was the plan's, all of the tier; ending them takes none, and the loop
// goes on.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "engine/live_request.h"
#include "engine/model_runner.h"
#include "engine/model_text.h"
#include "engine/plan_counts.h"
#include "engine/tier.h"
#include "engine/workload_recorder.h"
#include "sampling/sampler.h"
#include "vivace/engine.h"

namespace vivace::engine {

struct LoopConfig {
  scheduler::SchedulerConfig scheduler;      // its blocks and program are those of the runner that serves
  int vocabulary = 0;                        // of the model: ids of prompts are below it
  int max_queued = 1024;                     // requests beyond those that may run
  std::int64_t max_queued_tokens = 1 << 20;  // of the prompts of requests that have not begun
  std::uint64_t seed = 0;                    // from which requests without a seed get theirs
  RecorderConfig recorder;
  bool counts_plans = false;  // log with the statistics how steps ran
  double log_stats_s = 0;     // seconds between statistics lines while there is traffic; 0: none
};

class EngineLoop {
 public:
  EngineLoop(std::unique_ptr<ModelRunner> runner, const ModelText& text, const LoopConfig& config,
             base::Log log);
  ~EngineLoop();  // cancels what is left

  // As in vivace::Engine.
  Result<RequestId> Submit(Request request, OutputCallback on_output);
  void Cancel(RequestId id);
  bool Drain(double timeout_s);
  EngineStats stats() const;

  /// Another program of the same model and length: requests that come after the step that now runs begin on
  /// it, those that began on the present one end there, and then that one is freed. Once in the life of a
  /// loop.
  void Offer(std::unique_ptr<ModelRunner> runner);

 private:
  // Any thread.
  Status Check(const Request& request) const;
  Status CheckQueue(const Request& request) const;  // with mutex_ held

  // The loop's thread.
  void ThreadMain();
  bool TakeWork();
  void Turn();
  void Begin(std::unique_ptr<LiveRequest> live);
  Status Enter(LiveRequest& live);
  scheduler::SchedulerConfig SchedulerFor(const ModelRunner& runner) const;
  void ChangeTier();
  void FreeLeftTier();
  bool idle() const { return tier_->scheduler.idle() && (!left_ || left_->scheduler.idle()); }
  void CancelLive(RequestId id);
  void Step(Tier& tier);
  const scheduler::Plan* PlanStep(Tier& tier);
  bool RunStep(Tier& tier, const scheduler::Plan& plan);
  void HandOutAll();
  void MarkStarted(Tier& tier, const scheduler::Plan& plan);
  void SampleAll(Tier& tier, const scheduler::Plan& plan);
  void SampleSequence(Tier& tier, const scheduler::SequencePlan& plan, int first_logit);
  Status ScorePrompt(Tier& tier, const scheduler::SequencePlan& plan, int first_logit, int rows);
  bool SampleNext(LiveRequest& live, const scheduler::SequencePlan& plan, int logit);
  void FailSample(LiveRequest& live, const Status& status);
  void FailLive(LiveRequest& live, const Status& why);
  void FailStep(Tier& tier, const scheduler::Plan& plan, const Status& why);
  void FailTier(Tier& tier, const Status& why);
  void PublishStats();
  bool StatsAreDue() const { return stats_began_ && since_stats_.Seconds() >= config_.log_stats_s; }
  void LeaveQueue(const LiveRequest& live);
  void BeginStats();
  void LogStats();
  void Deliver(LiveRequest& live);
  void Retire(LiveRequest& live);

  const ModelText& text_;
  const LoopConfig config_;
  const base::Log log_;

  // The loop's thread only.
  std::unique_ptr<Tier> tier_;      // on which requests begin
  std::unique_ptr<Tier> left_;      // the one before it, as long as requests of its run
  scheduler::SchedulerStats past_;  // counters of tiers that are gone
  WorkloadRecorder recorder_;
  sampling::Sampler sampler_;
  sampling::SampleResult sampled_;                     // scratch
  std::unordered_map<RequestId, LiveRequest*> live_;   // of all tiers
  std::vector<scheduler::SequenceResult> results_;     // of the step
  std::vector<LiveRequest*> to_deliver_;               // after the step
  std::vector<std::unique_ptr<LiveRequest>> arrived_;  // taken from arrivals_
  std::vector<RequestId> cancelled_;                   // taken from cancels_
  std::unique_ptr<ModelRunner> next_;                  // taken from offered_
  std::unique_ptr<ModelRunner> refused_;               // there was no memory to change to it
  std::int64_t prompt_tokens_ = 0, generation_tokens_ = 0, numerical_errors_ = 0, steps_ = 0;

  std::optional<PlanCounts> plan_counts_;  // with config_.counts_plans
  bool stats_began_ = false;               // there was a step since the last statistics line
  Stopwatch since_stats_;                  // runs from the first such step
  EngineStats logged_stats_;               // as of then

  mutable std::mutex mutex_;
  std::condition_variable work_;                        // for the loop
  std::condition_variable drained_;                     // for Drain
  std::vector<std::unique_ptr<LiveRequest>> arrivals_;  // guarded by mutex_, like all below
  std::vector<RequestId> cancels_;  // room for all requests there may be: to cancel takes no memory
  std::unique_ptr<ModelRunner> offered_;
  int unfinished_ = 0;               // submitted, last piece not yet delivered
  std::int64_t waiting_tokens_ = 0;  // prompts of those that have not been in a step
  RequestId next_id_ = 1;
  bool draining_ = false;
  bool stopping_ = false;
  EngineStats stats_;

  std::thread thread_;  // last: starts when all else is ready
};

}  // namespace vivace::engine
