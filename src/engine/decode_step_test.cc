// What an undisturbed decode step costs besides arithmetic.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "engine/allocation_count.h"
#include "engine/model_runner.h"
#include "engine/step_batch.h"
#include "engine/system_call_count.h"
#include "runtime/tiny_model.h"
#include "sampling/sampler.h"

namespace vivace::engine {
namespace {

// Times that threads of this process gave up their core to wait.
long VoluntarySwitches() {
  long total = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      long count = 0;
      if (word == "voluntary_ctxt_switches:" && status >> count) total += count;
    }
  }
  return total;
}

// The parts of the engine's loop on a tiny model, with sequences that decode.
class DecodeLoop {
 public:
  DecodeLoop() = default;
  ~DecodeLoop() { std::remove(path_.c_str()); }

  void Start(int level) {
    path_ = testing::TempDir() + "decode_step_test_" + std::to_string(::getpid()) + ".gguf";
    ASSERT_TRUE(runtime::TinyModel({}).Write(path_));
    auto file = checkpoint::Checkpoint::Open(path_);
    ASSERT_TRUE(file.ok());
    file_ = std::move(file).value();
    EngineConfig config;
    config.compile.options.level = level;
    config.workers.workers = 2;
    config.kv_bytes = 1 << 24;
    StartLog start{base::Log()};
    auto runner = ModelRunner::Create(*file_, config, start);
    ASSERT_TRUE(runner.ok()) << runner.status().message();
    runner_ = std::move(runner).value();
    scheduler::SchedulerConfig limits;
    limits.blocks = runner_->kv_blocks();
    limits.max_model_len = runner_->max_model_len();
    scheduler_ = std::make_unique<scheduler::Scheduler>(limits);
    results_.reserve(8);
    std::vector<std::int32_t> prompt(20);
    std::iota(prompt.begin(), prompt.end(), 10);
    for (int i = 0; i < 4; ++i) {
      prompt[0] = 3 + i;
      ASSERT_TRUE(scheduler_->Add({.prompt = prompt, .max_tokens = 230}).ok());
    }
    for (int i = 0; i < 3; ++i) Step();
  }

  void Step() {
    const scheduler::Plan& plan = scheduler_->Next();
    runner_->Run(batch_.Fill(plan));
    results_.clear();
    int logit = 0;
    for (const scheduler::SequencePlan& sequence : plan.sequences) {
      const sampling::DrawKey key{1, 0, static_cast<std::uint64_t>(sequence.first_position + sequence.rows)};
      EXPECT_TRUE(sampler_.Sample(runner_->Logits(logit++), params_, key, sampled_).ok());
      results_.push_back({sequence.id, sampled_.chosen.token, false});
    }
    scheduler_->Commit({results_});
  }

 private:
  std::string path_;
  std::unique_ptr<checkpoint::Checkpoint> file_;
  std::unique_ptr<ModelRunner> runner_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  StepBatch batch_{512, 64};
  sampling::Sampler sampler_;
  sampling::SampleResult sampled_;
  SamplingParams params_;
  std::vector<scheduler::SequenceResult> results_;
};

class DecodeStepTest : public testing::TestWithParam<int> {};

TEST(AllocationCount, CountsWhatIsTakenFromTheHeap) {
  const long before = AllocationCount();
  const auto number = std::make_unique<std::atomic<int>>(3);
  EXPECT_EQ(AllocationCount() - before, 1);
  EXPECT_EQ(number->load(), 3);
}

TEST_P(DecodeStepTest, AllocatesNothing) {
  DecodeLoop loop;
  loop.Start(GetParam());
  const long before = AllocationCount();
  for (int i = 0; i < 150; ++i) loop.Step();
  EXPECT_EQ(AllocationCount() - before, 0);
}

TEST_P(DecodeStepTest, KeepsTheWorkersAwake) {
  DecodeLoop loop;
  loop.Start(GetParam());
  const long before = VoluntarySwitches();
  for (int i = 0; i < 200; ++i) loop.Step();
  // A worker that loses its core to another process may park once in a while; one park a step is what must
  // not be.
  EXPECT_LT(VoluntarySwitches() - before, 100);
}

std::vector<int> SystemCallsOfDecodeSteps(int level) {
  constexpr int kSteps = 200;
  return SystemCallsBySteps(kSteps, [level](SharedStep& step) {
    DecodeLoop loop;
    loop.Start(level);
    for (int i = 0; i < kSteps; ++i) {
      step.store(i);
      loop.Step();
    }
    step.store(-1);
  });
}

// A step during which somebody else takes a core away has yields, of the one who waits; those that were let
// alone must have no call at all. All steps of a run last a few milliseconds: one time slice of a neighbour
// spoils them all, so there are a few runs.
TEST_P(DecodeStepTest, MakesNoSystemCall) {
  std::vector<int> calls;
  std::int64_t without = 0;
  for (int run = 0; run == 0 || (run < 20 && without * 10 < std::ssize(calls)); ++run) {
    calls = SystemCallsOfDecodeSteps(GetParam());
    ASSERT_FALSE(calls.empty());
    without = std::count(calls.begin(), calls.end(), 0);
  }
  EXPECT_GE(without * 10, std::ssize(calls)) << testing::PrintToString(calls);
}

std::string LevelName(const testing::TestParamInfo<int>& info) {
  return "O" + std::to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Levels, DecodeStepTest, testing::Values(0, 1, 2), LevelName);

}  // namespace
}  // namespace vivace::engine
