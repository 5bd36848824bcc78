// One step of the loop: plan, run, sample, commit, deliver. All on the loop's thread.
#include <fmt/format.h>

#include <chrono>
#include <new>
#include <thread>
#include <utility>

#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "engine/engine_loop.h"
#include "engine/statistics_line.h"

namespace vivace::engine {
namespace {

constexpr const char* kNumericalError = "numerical_error";
constexpr const char* kRunning = "this request was running";

// A callback without the memory to hear the last piece hears of its loss, so many times so long apart.
constexpr int kLastWords = 20;
constexpr auto kBetweenLastWords = std::chrono::milliseconds(1);

// False: there was no memory for it, and the piece is lost.
bool HandOut(const LiveRequest& live, RequestOutput output) try {
  live.on_output(std::move(output));
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

}  // namespace

void EngineLoop::Step(Tier& tier) {
  const scheduler::Plan* const plan = PlanStep(tier);
  if (plan == nullptr || plan->empty()) return;
  results_.clear();
  to_deliver_.clear();
  BeginStats();
  MarkStarted(tier, *plan);
  if (!RunStep(tier, *plan)) return;
  tier.scheduler.Commit({results_});
  ++steps_;
  PublishStats();
  HandOutAll();
}

// Null: no request of the tier is left.
const scheduler::Plan* EngineLoop::PlanStep(Tier& tier) try {
  return &tier.scheduler.Next();
} catch (const std::bad_alloc&) {
  FailTier(tier, base::OutOfMemory(kRunning));
  return nullptr;
}

// False: it came to nothing, and its requests have ended.
bool EngineLoop::RunStep(Tier& tier, const scheduler::Plan& plan) {
  Status status;
  try {
    const tensor::StepView& step = tier.batch.Fill(plan);
    tier.runner->CleanBlocks(plan.blocks_to_clean);
    const Stopwatch watch;
    tier.runner->Run(step);
    status = tier.runner->CheckFile();
    recorder_.Add(step.rows, watch.Seconds());
    if (plan_counts_) plan_counts_->Count(plan.rows, tier.runner->executor().last_plan());
    if (status.ok()) SampleAll(tier, plan);
  } catch (const std::bad_alloc&) {
    status = base::OutOfMemory(kRunning);
  }
  if (!status.ok()) FailStep(tier, plan, status);
  return status.ok();
}

void EngineLoop::HandOutAll() {
  for (LiveRequest* live : to_deliver_) {
    if (live->answer.finish_reason() == FinishReason::kNone) {
      Deliver(*live);
    } else {
      Retire(*live);
    }
  }
}

// The wait in the queue ends where a request's first step begins.
void EngineLoop::MarkStarted(Tier& tier, const scheduler::Plan& plan) {
  for (const scheduler::SequencePlan& sequence : plan.sequences) {
    LiveRequest& live = tier.Live(sequence.id);
    if (live.started) continue;
    LeaveQueue(live);
    live.started = true;
    live.timing.queued = live.since_submit.Seconds();
    live.cached_prompt_tokens = sequence.cached_tokens;
    prompt_tokens_ += static_cast<std::int64_t>(live.request.prompt.size());
  }
}

void EngineLoop::SampleAll(Tier& tier, const scheduler::Plan& plan) {
  int first_logit = 0;
  for (const scheduler::SequencePlan& sequence : plan.sequences) {
    SampleSequence(tier, sequence, first_logit);
    first_logit += sequence.logit_rows;
  }
}

// Rows before the last give prompt log-probabilities; the last gives the next token when the plan says so.
void EngineLoop::SampleSequence(Tier& tier, const scheduler::SequencePlan& plan, int first_logit) {
  LiveRequest& live = tier.Live(plan.id);
  const int scored = plan.samples ? plan.logit_rows - 1 : plan.logit_rows;
  Status status = ScorePrompt(tier, plan, first_logit, scored);
  if (!status.ok()) live.prompt_status = std::move(status);  // a sequence ends only where it samples
  if (!plan.samples) return;
  const bool more = SampleNext(live, plan, first_logit + plan.logit_rows - 1);
  results_.push_back(
      {plan.id, sampled_.chosen.token, !more, !more && live.answer.error_code() == kNumericalError});
  to_deliver_.push_back(&live);
}

// Log-probabilities of the tokens after these rows of the prompt, until one cannot be computed.
Status EngineLoop::ScorePrompt(Tier& tier, const scheduler::SequencePlan& plan, int first_logit,
                               int rows) try {
  LiveRequest& live = tier.Live(plan.id);
  const int first_position = plan.first_position + plan.rows - plan.logit_rows;
  for (int i = 0; i < rows; ++i) {
    const std::int32_t next = live.request.prompt.at(static_cast<std::size_t>(first_position + i + 1));
    VIVACE_RETURN_IF_ERROR(sampler_.Score(tier.runner->Logits(first_logit + i), next,
                                          live.request.sampling.prompt_logprobs, sampled_));
    live.answer.PushPromptLogprob(sampled_);
  }
  return Status::Ok();
} catch (const std::bad_alloc&) {
  return base::OutOfMemory(kRunning);
}

// Draws the next token. False when the answer ends.
bool EngineLoop::SampleNext(LiveRequest& live, const scheduler::SequencePlan& plan, int logit) try {
  const sampling::DrawKey key{live.seed, static_cast<std::uint32_t>(live.request.choice_index),
                              static_cast<std::uint64_t>(plan.first_position + plan.rows)};
  Status status = base::CopyOf(live.prompt_status);
  if (status.ok()) {
    const std::span<const float> logits = live.tier->runner->Logits(logit);
    const auto maxima = live.tier->runner->Maxima(logit);
    status = sampler_.Sample(logits, live.request.sampling, key, sampled_, &live.edits,
                             maxima ? &*maxima : nullptr);
  }
  if (!status.ok()) {
    FailSample(live, status);
    return false;
  }
  ++generation_tokens_;
  live.edits.Push(sampled_.chosen.token);
  live.timing.last_token = live.since_submit.Seconds();
  if (live.answer.generated() == 0) live.timing.first_token = live.timing.last_token;
  return live.answer.Push(sampled_);
} catch (const std::bad_alloc&) {  // of this answer; those of others go on
  FailSample(live, base::OutOfMemory(kRunning));
  return false;
}

// The sampler's own error is a logit that is not finite; what else it refuses is the request's.
void EngineLoop::FailSample(LiveRequest& live, const Status& status) {
  base::IfMemoryLasts([&] { log_.Error(fmt::format("request {}: {}", live.id, status.message())); });
  const bool numerical = status.code() == StatusCode::kInternal;
  if (numerical) ++numerical_errors_;
  live.answer.End(FinishReason::kError, base::CopyOf(status), numerical ? kNumericalError : "");
}

// Between two steps: the request ends.
void EngineLoop::FailLive(LiveRequest& live, const Status& why) {
  live.tier->scheduler.Cancel(live.sequence);
  live.answer.End(FinishReason::kError, base::CopyOf(why));
  PublishStats();
  Retire(live);
}

// A step came to nothing, as when memory ran out in its middle: its requests end, the others go on.
void EngineLoop::FailStep(Tier& tier, const scheduler::Plan& plan, const Status& why) {
  to_deliver_.clear();  // has room for all of a step
  for (const scheduler::SequencePlan& sequence : plan.sequences)
    to_deliver_.push_back(&tier.Live(sequence.id));
  tier.scheduler.Discard();
  base::IfMemoryLasts(
      [&] { log_.Error(fmt::format("{}: {} requests end", why.message(), to_deliver_.size())); });
  for (LiveRequest* live : to_deliver_) FailLive(*live, why);
}

// There is not even a plan: all requests of the tier end, running and waiting.
void EngineLoop::FailTier(Tier& tier, const Status& why) {
  base::IfMemoryLasts([&] { log_.Error(fmt::format("{}: all requests end", why.message())); });
  for (const std::unique_ptr<LiveRequest>& live : tier.live) {
    if (live) FailLive(*live, why);
  }
}

// A request that has not begun begins, or ends.
void EngineLoop::LeaveQueue(const LiveRequest& live) {
  if (live.started) return;
  const std::lock_guard lock(mutex_);
  waiting_tokens_ -= static_cast<std::int64_t>(live.request.prompt.size());
}

void EngineLoop::PublishStats() {
  const scheduler::SchedulerStats now = tier_->scheduler.stats();
  const scheduler::SchedulerStats left = left_ ? left_->scheduler.stats() : scheduler::SchedulerStats();
  const ModelRunner& runner = *tier_->runner;
  const std::lock_guard lock(mutex_);
  stats_.level = runner.level();
  stats_.kv_cache_bytes = runner.kv_bytes();
  stats_.packed_bytes = static_cast<std::int64_t>(runner.packed_bytes());
  stats_.captured_plans = runner.captured_plans();
  stats_.running = now.running + left.running;
  stats_.waiting = now.waiting + left.waiting;
  stats_.blocks_total = now.blocks_total + left.blocks_total;
  stats_.blocks_used = now.blocks_held + left.blocks_held;
  stats_.prefix_queries = now.prefix_queries + left.prefix_queries + past_.prefix_queries;
  stats_.prefix_hits = now.prefix_hits + left.prefix_hits + past_.prefix_hits;
  stats_.preemptions = now.preemptions + left.preemptions + past_.preemptions;
  stats_.finished = now.finished + left.finished + past_.finished;
  stats_.cancelled = now.cancelled + left.cancelled + past_.cancelled;
  stats_.prompt_tokens = prompt_tokens_;
  stats_.generation_tokens = generation_tokens_;
  stats_.numerical_errors = numerical_errors_;
  stats_.steps = steps_;
  stats_.scheduled_rows = now.scheduled_rows + left.scheduled_rows + past_.scheduled_rows;
}

// The time between statistics lines runs while there is traffic.
void EngineLoop::BeginStats() {
  if (stats_began_ || config_.log_stats_s <= 0) return;
  stats_began_ = true;
  since_stats_.Lap();
  logged_stats_ = stats();
}

void EngineLoop::LogStats() {
  stats_began_ = false;  // the next step begins the next interval
  const EngineStats now = stats();
  log_.Info(StatisticsLine(logged_stats_, now, since_stats_.Seconds()));
  if (plan_counts_) {
    for (const std::string& line : plan_counts_->Take()) log_.Info(line);
  }
}

// Hands out what is new. After the last piece the request counts as finished; one whose piece was lost ends.
void EngineLoop::Deliver(LiveRequest& live) {
  RequestOutput output = live.answer.TakePiece();
  const bool last = output.finish_reason != FinishReason::kNone;
  output.cached_prompt_tokens = live.cached_prompt_tokens;
  output.timing = live.timing;
  if (last) LeaveQueue(live);  // who hears of the end finds its room free
  bool heard = HandOut(live, std::move(output));
  if (!last) {
    if (!heard) FailLive(live, base::OutOfMemory());
    return;
  }
  for (int i = 0; !heard && i < kLastWords; ++i) {
    std::this_thread::sleep_for(kBetweenLastWords);
    RequestOutput lost;
    lost.finish_reason = FinishReason::kError;
    lost.status = base::OutOfMemory();
    heard = HandOut(live, std::move(lost));
  }
  {
    const std::lock_guard lock(mutex_);
    --unfinished_;
  }
  drained_.notify_all();
}

// The last piece, then the request is gone.
void EngineLoop::Retire(LiveRequest& live) {
  live_.erase(live.id);
  const std::unique_ptr<LiveRequest> owned =
      std::move(live.tier->live[static_cast<std::size_t>(live.sequence.value)]);
  Deliver(*owned);
}

}  // namespace vivace::engine
