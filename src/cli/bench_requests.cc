#include "cli/bench_requests.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "base/status_macros.h"

namespace vivace::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// What the engine's thread reports, and the wait for it.
class Ends {
 public:
  explicit Ends(std::size_t requests) : timings_(requests) {}

  OutputCallback Callback(std::size_t index, bool is_first_answer) {
    return [this, index, is_first_answer](RequestOutput output) {
      const std::lock_guard lock(mutex_);
      output_tokens_ += static_cast<std::int64_t>(output.token_ids.size());
      if (output.finish_reason == FinishReason::kNone) return;
      if (output.finish_reason == FinishReason::kError && status_.ok()) status_ = output.status;
      if (is_first_answer) timings_[index] = output.timing;
      end_ = Clock::now();
      ++ended_;
      changed_.notify_one();
    };
  }

  /// The number that has ended when it is more than `known`; waits until then.
  int WaitBeyond(int known) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ > known; });
    return ended_;
  }

  /// After all have ended.
  Result<BenchRun> Take(Clock::time_point start) {
    const std::lock_guard lock(mutex_);
    if (!status_.ok()) return status_;
    BenchRun run;
    run.seconds = std::chrono::duration<double>(end_ - start).count();
    run.output_tokens = output_tokens_;
    run.timings = std::move(timings_);
    return run;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int ended_ = 0;  // guarded by mutex_, like all below
  Clock::time_point end_;
  std::int64_t output_tokens_ = 0;
  std::vector<RequestTiming> timings_;
  Status status_;
};

}  // namespace

Result<BenchRun> RunToEnd(Engine& engine, std::span<const BenchRequest> requests,
                          const SamplingParams& sampling, int answers,
                          const std::function<void(int)>& on_finish) {
  Ends ends(requests.size());
  int submitted = 0, ended = 0;
  const auto wait = [&] {
    const int now = ends.WaitBeyond(ended);
    if (on_finish) on_finish(now - ended);
    ended = now;
  };
  std::int64_t prompt_tokens = 0;
  Status refused;
  const Clock::time_point start = Clock::now();
  for (std::size_t i = 0; i < requests.size() * static_cast<std::size_t>(answers) && refused.ok();) {
    const std::size_t index = i / static_cast<std::size_t>(answers);
    const int answer = static_cast<int>(i % static_cast<std::size_t>(answers));
    Request request;
    request.prompt = requests[index].prompt;
    request.sampling = sampling;
    request.sampling.max_tokens = requests[index].output_tokens;
    request.choice_index = answer;
    const auto id = engine.Submit(std::move(request), ends.Callback(index, answer == 0));
    if (!id.ok() && id.status().code() == StatusCode::kResourceExhausted && submitted > ended) {
      wait();  // the queue is full
      continue;
    }
    if (id.ok()) {
      ++submitted;
      if (answer == 0) prompt_tokens += static_cast<std::int64_t>(requests[index].prompt.size());
    } else {
      refused = id.status();
    }
    ++i;
  }
  while (ended < submitted) wait();
  VIVACE_RETURN_IF_ERROR(refused);
  VIVACE_ASSIGN_OR_RETURN(BenchRun run, ends.Take(start));
  run.prompt_tokens = prompt_tokens;
  return run;
}

std::vector<std::int32_t> RandomTokens(const ModelInfo& model, int length, std::uint64_t seed) {
  std::minstd_rand random(static_cast<std::uint_fast32_t>(seed * 48271 % 2147483646 + 1));
  random.discard(8);  // seeds that are near begin alike
  const auto vocabulary = static_cast<std::uint_fast32_t>(std::max(1, std::min(model.vocabulary, 10000)));
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(length));
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random() % vocabulary);
  return tokens;
}

SamplingParams BenchSampling() {
  SamplingParams sampling;
  sampling.ignore_eos = true;
  sampling.seed = 0;
  return sampling;
}

}  // namespace vivace::cli
