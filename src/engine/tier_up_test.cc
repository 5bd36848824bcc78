#include "engine/tier_up.h"

#include <thread>

#include "engine/engine_fixture.h"
#include "engine/engine_loop.h"
#include "engine/model_opening.h"

namespace vivace {
namespace {

using engine::EngineLoop;
using engine::ModelRunner;

// A loop that begins on the portable program, with the compiled one at hand.
class TierUpTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!codegen::KernelLibrary::Supported()) GTEST_SKIP() << "nothing can be compiled";
    TinyModelSpec spec;
    spec.context = 8192;
    path_ = testing::TempDir() + "tier_up_" + std::to_string(::getpid()) + ".gguf";
    ASSERT_TRUE(TinyModel(spec).Write(path_));
    auto config = engine::ResolveConfig(OptionsAt(2));
    ASSERT_TRUE(config.ok()) << config.status().message();
    config_ = std::move(config).value();
    file_ = engine::OpenModel(OptionsAt(2), checkpoint::Contents::kAll).value();
    text_ = engine::ModelText::Create(*file_).value();
  }
  ~TierUpTest() override { std::remove(path_.c_str()); }

  Options OptionsAt(int level) const {
    Options options;
    EXPECT_TRUE(options.Set("model", path_).ok());
    EXPECT_TRUE(options.Set("optimization-level", std::to_string(level)).ok());
    EXPECT_TRUE(options.Set("log-level", "off").ok());
    EXPECT_TRUE(options.Set("threads", "2").ok());
    if (const auto isa = codegen::MaskedTargetName()) {
      EXPECT_TRUE(options.Set("cpu-isa", *isa).ok()) << *isa;
    }
    return options;
  }

  std::unique_ptr<EngineLoop> StartPortable() {
    engine::StartLog start{base::Log()};
    compiled_ = ModelRunner::Prepare(*file_, config_, start, nullptr, &team_).value();
    const engine::EngineConfig portable = engine::PortableConfig(config_, *compiled_);
    auto runner = ModelRunner::Prepare(*file_, portable, start, nullptr, &team_).value();
    EXPECT_TRUE(runner->Load(*file_, portable, start, team_).ok());
    EXPECT_EQ(runner->level(), 0);
    EXPECT_EQ(runner->max_model_len(), compiled_->max_model_len());
    engine::LoopConfig loop;
    loop.vocabulary = runner->vocabulary();
    loop.scheduler.max_model_len = runner->max_model_len();
    loop.scheduler.max_batched_tokens = config_.max_batched_tokens;
    loop.scheduler.max_num_seqs = config_.max_num_seqs;
    return std::make_unique<EngineLoop>(std::move(runner), *text_, loop, base::Log());
  }
  // What TierUp does, without its thread.
  void GoUp(EngineLoop& loop) {
    engine::StartLog start{base::Log()};
    ASSERT_TRUE(compiled_->Load(*file_, config_, start, team_packers_).ok());
    loop.Offer(std::move(compiled_));
    WaitForLevel(loop, 2);
  }
  template <class Any>
  static void WaitForLevel(const Any& engine, int level) {
    for (int i = 0; i < 2000 && engine.stats().level != level; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(engine.stats().level, level);
  }

  static Request Ask(std::vector<std::int32_t> prompt, int max_tokens) {
    Request request;
    request.prompt = std::move(prompt);
    request.sampling.temperature = 0;
    request.sampling.max_tokens = max_tokens;
    request.sampling.ignore_eos = true;
    request.sampling.logprobs = 0;
    return request;
  }
  template <class Any>
  static Collected Complete(Any& engine, Request request) {
    Collector collector;
    const auto id = engine.Submit(std::move(request), collector.Callback());
    EXPECT_TRUE(id.ok()) << id.status().message();
    return collector.Wait();
  }
  Collected At(int level, const Request& request) {
    auto engine = Engine::Create(OptionsAt(level)).value();
    return Complete(*engine, request);
  }
  static void ExpectSame(const Collected& one, const Collected& other) {
    EXPECT_EQ(one.tokens, other.tokens);
    ASSERT_EQ(one.logprobs.size(), other.logprobs.size());
    for (std::size_t i = 0; i < one.logprobs.size(); ++i)
      EXPECT_EQ(one.logprobs[i].logprob, other.logprobs[i].logprob) << i;
  }

  std::string path_;
  engine::EngineConfig config_;
  std::unique_ptr<checkpoint::Checkpoint> file_;
  std::unique_ptr<engine::ModelText> text_;
  base::WorkerTeam team_{2}, team_packers_{1};
  std::unique_ptr<ModelRunner> compiled_;
};

TEST_F(TierUpTest, ARequestEndsOnTheProgramThatItBeganOnBitForBit) {
  const Request before = Ask(SomePrompt(20), 6), across = Ask(SomePrompt(33, 1), 3000),
                after = Ask(SomePrompt(20), 12);
  const auto loop = StartPortable();
  const Collected first = Complete(*loop, before);
  Collector spanning;
  ASSERT_TRUE(loop->Submit(across, spanning.Callback()).ok());
  spanning.WaitForFirst();
  GoUp(*loop);
  const Collected last = Complete(*loop, after);
  EXPECT_EQ(loop->stats().running, 1) << "the request across the swap should still run: make it longer";
  const Collected middle = spanning.Wait();
  ExpectSame(first, At(0, before));
  ExpectSame(middle, At(0, across));
  ExpectSame(last, At(2, after));
}

TEST_F(TierUpTest, NoRequestIsLostUnderLoad) {
  const auto loop = StartPortable();
  std::vector<Collector> collectors(60);
  for (int i = 0; i < 60; ++i) {
    if (i == 30) GoUp(*loop);
    ASSERT_TRUE(
        loop->Submit(Ask(SomePrompt(3 + i, i), 20), collectors[static_cast<std::size_t>(i)].Callback()).ok());
  }
  for (Collector& collector : collectors) {
    const Collected answer = collector.Wait();
    EXPECT_EQ(answer.last.finish_reason, FinishReason::kLength);
    EXPECT_EQ(answer.tokens.size(), 20u);
  }
  // What counts requests counts those of both programs.
  for (int i = 0; i < 200 && loop->stats().finished != 60; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(loop->stats().finished, 60);
  EXPECT_EQ(loop->stats().blocks_used, 0);
}

TEST_F(TierUpTest, APrefixOfTheOtherProgramIsNoHit) {
  const auto loop = StartPortable();
  const Request request = Ask(SomePrompt(70), 4);
  Complete(*loop, request);
  EXPECT_EQ(Complete(*loop, request).last.cached_prompt_tokens, 64);
  GoUp(*loop);
  EXPECT_EQ(Complete(*loop, request).last.cached_prompt_tokens, 0);
  EXPECT_EQ(Complete(*loop, request).last.cached_prompt_tokens, 64);
}

TEST_F(TierUpTest, CancellingFindsARequestOfEitherProgram) {
  const auto loop = StartPortable();
  Collector old, young;
  const auto old_id = loop->Submit(Ask(SomePrompt(9), 8000), old.Callback());
  old.WaitForFirst();
  GoUp(*loop);
  const auto young_id = loop->Submit(Ask(SomePrompt(9), 8000), young.Callback());
  young.WaitForFirst();
  loop->Cancel(*old_id);
  EXPECT_EQ(old.Wait().last.finish_reason, FinishReason::kCancelled);
  loop->Cancel(*young_id);
  EXPECT_EQ(young.Wait().last.finish_reason, FinishReason::kCancelled);
}

TEST_F(TierUpTest, TheOptionServesAtOnceAndCompilesNothingLater) {
  Options options = OptionsAt(2);
  ASSERT_TRUE(options.Set("tier-up", "true").ok());
  const Request request = Ask(SomePrompt(20), 8);
  const auto engine = Engine::Create(options).value();
  EXPECT_EQ(engine->model().level, 2);
  Complete(*engine, request);
  WaitForLevel(*engine, 2);
  ExpectSame(Complete(*engine, request), At(2, request));
  EXPECT_EQ(engine->stats().compilations_after_ready, 0);
  EXPECT_GT(engine->stats().packed_bytes, 0);
}

TEST_F(TierUpTest, AnEngineMayEndWhileItsWeightsArePacked) {
  Options options = OptionsAt(2);
  ASSERT_TRUE(options.Set("tier-up", "true").ok());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Engine::Create(options).ok());
}

}  // namespace
}  // namespace vivace
