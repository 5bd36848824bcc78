// The side of the loop that other threads call, and how work comes in. The steps are in engine_step.cc.
#include "engine/engine_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/out_of_memory.h"

namespace vivace::engine {
namespace {

constexpr int kMostCancels = 1 << 16;  // that have room from the beginning

// SplitMix64: well-mixed seeds from consecutive numbers.
std::uint64_t Mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

}  // namespace

EngineLoop::EngineLoop(std::unique_ptr<ModelRunner> runner, const ModelText& text, const LoopConfig& config,
                       base::Log log)
    : text_(text),
      config_(config),
      log_(std::move(log)),
      recorder_(config.recorder, config.scheduler.max_batched_tokens),
      sampler_(text.tokenizer().size()) {
  tier_ = std::make_unique<Tier>(SchedulerFor(*runner));
  tier_->runner = std::move(runner);
  const auto sequences = static_cast<std::size_t>(config.scheduler.max_num_seqs);
  const auto cancels = static_cast<std::size_t>(std::min(kMostCancels, config.max_queued)) + sequences;
  cancels_.reserve(cancels);
  cancelled_.reserve(cancels);
  results_.reserve(sequences);
  to_deliver_.reserve(sequences);
  if (config.counts_plans) plan_counts_.emplace(config.scheduler.max_batched_tokens);
  PublishStats();
  thread_ = std::thread([this] { ThreadMain(); });
}

EngineLoop::~EngineLoop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = draining_ = true;
  }
  work_.notify_all();
  thread_.join();
}

Status EngineLoop::Check(const Request& request) const {
  if (request.prompt.empty()) return InvalidArgument("the prompt is empty: give at least one token");
  const int vocabulary = config_.vocabulary;
  for (const std::int32_t token : request.prompt) {
    if (token < 0 || token >= vocabulary) {
      return InvalidArgument(
          fmt::format("prompt token {}: ids of this model are 0 to {}", token, vocabulary - 1));
    }
  }
  const int length = config_.scheduler.max_model_len;
  if (request.prompt.size() >= static_cast<std::size_t>(length)) {
    return InvalidArgument(fmt::format(
        "the prompt has {} tokens, but the model length is {} tokens, prompt and answer together: shorten it",
        request.prompt.size(), length));
  }
  return sampling::Validate(request.sampling, vocabulary);
}

// A prompt finds room when no other waits, however long it is: it will not wait long.
Status EngineLoop::CheckQueue(const Request& request) const {
  if (draining_) return Unavailable("the engine is shutting down");
  if (unfinished_ >= config_.scheduler.max_num_seqs + config_.max_queued) {
    return ResourceExhausted(fmt::format("{} requests are running or waiting: try again later", unfinished_));
  }
  const auto tokens = static_cast<std::int64_t>(request.prompt.size());
  if (waiting_tokens_ > 0 && waiting_tokens_ + tokens > config_.max_queued_tokens) {
    return ResourceExhausted(fmt::format("prompts of {} tokens are waiting, of at most {}: try again later",
                                         waiting_tokens_, config_.max_queued_tokens));
  }
  return Status::Ok();
}

Result<RequestId> EngineLoop::Submit(Request request, OutputCallback on_output) {
  if (const Status status = Check(request); !status.ok()) return status;
  const int room = config_.scheduler.max_model_len - static_cast<int>(request.prompt.size());
  request.sampling.max_tokens = std::min(request.sampling.max_tokens, room);
  auto live = std::make_unique<LiveRequest>(std::move(request), std::move(on_output), text_.tokenizer(),
                                            text_.end_tokens());
  RequestId id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (const Status room_left = CheckQueue(live->request); !room_left.ok()) return room_left;
    id = live->id = next_id_;
    waiting_tokens_ += static_cast<std::int64_t>(live->request.prompt.size());
    arrivals_.push_back(std::move(live));
    ++next_id_;
    ++unfinished_;
  }
  work_.notify_one();
  return id;
}

void EngineLoop::Cancel(RequestId id) {
  {
    const std::lock_guard lock(mutex_);
    if (std::find(cancels_.begin(), cancels_.end(), id) != cancels_.end()) return;
    base::IfMemoryLasts(
        [&] { cancels_.push_back(id); });  // beyond the room there are only ids that have ended
  }
  work_.notify_one();
}

bool EngineLoop::Drain(double timeout_s) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  return drained_.wait_for(lock, std::chrono::duration<double>(timeout_s),
                           [this] { return unfinished_ == 0; });
}

EngineStats EngineLoop::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  stats.waiting += static_cast<int>(arrivals_.size());
  stats.waiting_tokens = waiting_tokens_;
  return stats;
}

// Blocks and the name of what fills them are the runner's own.
scheduler::SchedulerConfig EngineLoop::SchedulerFor(const ModelRunner& runner) const {
  scheduler::SchedulerConfig config = config_.scheduler;
  config.blocks = runner.kv_blocks();
  config.program_fingerprint = runner.fingerprint();
  return config;
}

void EngineLoop::Offer(std::unique_ptr<ModelRunner> runner) {
  {
    const std::lock_guard lock(mutex_);
    offered_ = std::move(runner);
  }
  work_.notify_one();
}

// Between two steps. The tier that is left goes when its last request has ended.
void EngineLoop::ChangeTier() {
  std::unique_ptr<Tier> tier;
  base::IfMemoryLasts([&] { tier = std::make_unique<Tier>(SchedulerFor(*next_)); });
  if (tier == nullptr) {
    log_.Warning("--tier-up: memory ran out for the compiled program; serving goes on as it is");
    refused_ = std::move(next_);  // its weights may just be written to the artifact
    return;
  }
  base::IfMemoryLasts([&] {
    log_.Info(fmt::format("Tier-up: requests begin at -O{} from here on, {} end at -O{}", next_->level(),
                          live_.size(), tier_->runner->level()));
  });
  tier->runner = std::move(next_);
  left_ = std::exchange(tier_, std::move(tier));
  PublishStats();
}

void EngineLoop::FreeLeftTier() {
  const scheduler::SchedulerStats last = left_->scheduler.stats();
  past_.prefix_queries += last.prefix_queries;
  past_.prefix_hits += last.prefix_hits;
  past_.preemptions += last.preemptions;
  past_.finished += last.finished;
  past_.cancelled += last.cancelled;
  past_.scheduled_rows += last.scheduled_rows;
  base::IfMemoryLasts([&] {
    log_.Info(fmt::format("Tier-up: the last request at -O{} has ended, its memory is free",
                          left_->runner->level()));
  });
  left_.reset();
  PublishStats();
}

void EngineLoop::ThreadMain() {
  tier_->runner->team().PinCaller();  // this thread is worker 0
  while (TakeWork()) Turn();
  base::IfMemoryLasts([this] { recorder_.Finish(log_); });
  for (auto& live : arrived_) Begin(std::move(live));
  while (!live_.empty()) CancelLive(live_.begin()->first);
}

// Each part ends its own exceptions: memory that runs out in one must not cost another its work.
void EngineLoop::Turn() {
  if (next_) ChangeTier();
  for (auto& live : arrived_) Begin(std::move(live));
  for (const RequestId id : cancelled_) CancelLive(id);
  // Before the step, which may take long: who waits is seen to wait.
  if (!arrived_.empty() || !cancelled_.empty()) PublishStats();
  arrived_.clear();
  cancelled_.clear();
  if (left_) Step(*left_);
  Step(*tier_);
  if (left_ && left_->scheduler.idle()) FreeLeftTier();
  if (StatsAreDue()) base::IfMemoryLasts([this] { LogStats(); });
  if (recorder_.IsDue()) base::IfMemoryLasts([this] { recorder_.Report(log_); });
}

// Waits for something to do and takes what has come; false when the loop is to end.
bool EngineLoop::TakeWork() {
  std::unique_lock lock(mutex_);
  const auto has_work = [this] {
    return stopping_ || offered_ || !arrivals_.empty() || !cancels_.empty() || !idle();
  };
  if (stats_began_) {  // the last line of some traffic is not left out
    const double left = std::max(0.0, config_.log_stats_s - since_stats_.Seconds());
    work_.wait_for(lock, std::chrono::duration<double>(left), has_work);
  } else {
    work_.wait(lock, has_work);
  }
  arrived_.swap(arrivals_);
  cancelled_.swap(cancels_);
  if (offered_) next_ = std::move(offered_);
  return !stopping_;
}

void EngineLoop::Begin(std::unique_ptr<LiveRequest> live) {
  const Request& request = live->request;
  live->seed = request.sampling.seed ? static_cast<std::uint64_t>(*request.sampling.seed)
                                     : Mix(config_.seed ^ Mix(live->id));
  if (Status status = Enter(*live); !status.ok()) {
    live_.erase(live->id);
    live->answer.End(FinishReason::kError, std::move(status));
    Deliver(*live);
    return;
  }
  live->tier = tier_.get();
  if (log_.Logs(base::LogLevel::kDebug)) {
    base::IfMemoryLasts(
        [&] { log_.Debug(fmt::format("request {} runs at -O{}", live->id, tier_->runner->level())); });
  }
  tier_->live[static_cast<std::size_t>(live->sequence.value)] = std::move(live);
}

// The scheduler comes last, so that it knows of no request that is not live.
Status EngineLoop::Enter(LiveRequest& live) try {
  if (tier_->live.size() < tier_->scheduler.id_bound()) tier_->live.resize(tier_->scheduler.id_bound());
  live_.emplace(live.id, &live);
  const Request& request = live.request;
  auto added = tier_->scheduler.Add({.prompt = request.prompt,
                                     .max_tokens = request.sampling.max_tokens,
                                     .cache_salt = request.cache_salt,
                                     .all_prompt_logits = request.sampling.prompt_logprobs >= 0});
  if (added.ok()) live.sequence = *added;
  return added.status();
} catch (const std::bad_alloc&) {
  return base::OutOfMemory("the request was queued");
}

void EngineLoop::CancelLive(RequestId id) {
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  LiveRequest& live = *found->second;
  live.tier->scheduler.Cancel(live.sequence);
  live.answer.End(FinishReason::kCancelled);
  PublishStats();
  Retire(live);
}

}  // namespace vivace::engine
