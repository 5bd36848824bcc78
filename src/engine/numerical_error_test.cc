// What is no number, in a weight or in the KV cache, ends the requests that read it with numerical_error, and
// no other; nothing of it stays behind.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <future>
#include <limits>

#include "engine/engine_fixture.h"
#include "engine/engine_loop.h"
#include "engine/model_opening.h"
#include "tensor/kv_layout.h"

namespace vivace {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kPoisonedPiece = 8;
constexpr std::int32_t kPoison = TinyModelSpec::kFirstByte + '!';

/// Without the poisoned token.
std::vector<std::int32_t> HealthyPrompt(int length, int salt = 0) {
  std::vector<std::int32_t> prompt = SomePrompt(length, salt);
  std::replace(prompt.begin(), prompt.end(), kPoison, kPoison + 1);
  return prompt;
}

Request AskScored(std::vector<std::int32_t> prompt, int max_tokens) {
  Request request;
  request.prompt = std::move(prompt);
  request.sampling.temperature = 0;
  request.sampling.max_tokens = max_tokens;
  request.sampling.ignore_eos = true;
  request.sampling.logprobs = 2;
  return request;
}

template <class Any>
Collected Answer(Any& engine, Request request) {
  Collector collector;
  EXPECT_TRUE(engine.Submit(std::move(request), collector.Callback()).ok());
  return collector.Wait();
}

void ExpectSame(const Collected& one, const Collected& other) {
  EXPECT_EQ(one.last.finish_reason, FinishReason::kLength) << one.last.status.message();
  EXPECT_EQ(one.tokens, other.tokens);
  ASSERT_EQ(one.logprobs.size(), other.logprobs.size());
  for (std::size_t i = 0; i < one.logprobs.size(); ++i)
    ASSERT_EQ(one.logprobs[i].logprob, other.logprobs[i].logprob) << i;
}

void ExpectNumericalError(const Collected& out, const std::string& what) {
  EXPECT_EQ(out.last.finish_reason, FinishReason::kError) << what;
  EXPECT_EQ(out.last.error_code, "numerical_error") << what;
  for (const TokenLogprob& logprob : out.logprobs) EXPECT_TRUE(std::isfinite(logprob.logprob)) << what;
}

class NumericalErrorTest : public EngineTest {};

TEST_P(NumericalErrorTest, APoisonedEmbeddingRowEndsOnlyTheRequestsThatHaveIt) {
  TinyModelSpec spec;
  spec.poisoned = true;
  const auto engine = Make({}, spec);
  std::vector<Collected> alone;
  for (int i = 0; i < 6; ++i) alone.push_back(Answer(*engine, AskScored(HealthyPrompt(40 + i, i), 20)));
  std::vector<Collector> healthy(6), ill(2);
  std::vector<std::int32_t> prompt = HealthyPrompt(40, 0);  // shares its first blocks with a healthy one
  prompt[35] = kPoison;
  for (std::size_t i = 0; i < 6; ++i) {
    if (i % 3 == 1) {
      ASSERT_TRUE(engine->Submit(AskScored(prompt, 20), ill[i / 3].Callback()).ok());
    }
    const int salt = static_cast<int>(i);
    ASSERT_TRUE(engine->Submit(AskScored(HealthyPrompt(40 + salt, salt), 20), healthy[i].Callback()).ok());
  }
  for (Collector& collector : ill) ExpectNumericalError(collector.Wait(), "ill");
  for (std::size_t i = 0; i < 6; ++i) ExpectSame(healthy[i].Wait(), alone[i]);
  ExpectSame(Answer(*engine, AskScored(HealthyPrompt(40, 0), 20)), alone[0]);
  EXPECT_EQ(engine->stats().numerical_errors, 2);
  EXPECT_EQ(engine->stats().blocks_used, 0);
}

// A prefix that somebody else may hold still: nobody finds it again.
TEST_P(NumericalErrorTest, ThePrefixOfACorruptRequestIsComputedAgain) {
  TinyModelSpec spec;
  spec.poisoned = true;
  const auto engine = Make({}, spec);
  std::vector<std::int32_t> prompt = HealthyPrompt(64);
  prompt.back() = kPoison;
  for (int i = 0; i < 2; ++i) {
    const Collected out = Answer(*engine, AskScored(prompt, 4));
    ExpectNumericalError(out, "again");
    EXPECT_EQ(out.last.cached_prompt_tokens, 0);
  }
}

TEST_P(NumericalErrorTest, ABrokenWeightOfAnyTensorIsSeen) {
  const char* tensors[] = {"blk.0.attn_norm.weight", "blk.1.attn_q.weight",      "blk.0.attn_k.weight",
                           "blk.1.attn_v.weight",    "blk.0.attn_output.weight", "blk.1.ffn_norm.weight",
                           "blk.0.ffn_gate.weight",  "blk.1.ffn_up.weight",      "blk.0.ffn_down.weight",
                           "output_norm.weight"};
  for (const char* tensor : tensors) {
    for (const float value : {kNan, kInfinity, -kInfinity}) {
      TinyModelSpec spec;
      spec.broken = tensor;
      spec.breaking = value;
      const auto engine = Make({}, spec);
      ExpectNumericalError(Answer(*engine, AskScored(SomePrompt(20), 4)),
                           std::string(tensor) + " " + std::to_string(value));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, NumericalErrorTest, testing::Values(0, 2), LevelName);

struct CacheCase {
  int level;
  tensor::DType type;
};

// A loop whose KV cache the test can write to, on the loop's own thread.
class PoisonedCacheTest : public testing::TestWithParam<CacheCase> {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "poisoned_cache_" + std::to_string(::getpid()) + ".gguf";
    ASSERT_TRUE(TinyModel({}).Write(path_));
    Options options;
    const std::pair<const char*, std::string> settings[] = {
        {"model", path_},
        {"optimization-level", std::to_string(GetParam().level)},
        {"log-level", "off"},
        {"threads", "2"}};
    for (const auto& [name, value] : settings) ASSERT_TRUE(options.Set(name, value).ok()) << name;
    if (const auto isa = codegen::MaskedTargetName()) {
      ASSERT_TRUE(options.Set("cpu-isa", *isa).ok());
    }
    auto config = engine::ResolveConfig(options);
    ASSERT_TRUE(config.ok()) << config.status().message();
    config_ = std::move(config).value();
    config_.compile.options.kv_type = GetParam().type;
    file_ = engine::OpenModel(options, checkpoint::Contents::kAll).value();
    text_ = engine::ModelText::Create(*file_).value();
  }
  ~PoisonedCacheTest() override { std::remove(path_.c_str()); }

  void Start() {
    loop_.reset();
    engine::StartLog start{base::Log()};
    auto runner = engine::ModelRunner::Create(*file_, config_, start);
    ASSERT_TRUE(runner.ok()) << runner.status().message();
    runner_ = runner->get();
    engine::LoopConfig loop;
    loop.vocabulary = runner_->vocabulary();
    loop.scheduler.max_model_len = runner_->max_model_len();
    loop.scheduler.max_batched_tokens = config_.max_batched_tokens;
    loop.scheduler.max_num_seqs = config_.max_num_seqs;
    loop_ = std::make_unique<engine::EngineLoop>(std::move(*runner), *text_, loop, base::Log());
  }

  /// The bytes of what belongs to position `slot` of the pool's first block: a key or a value.
  std::span<std::byte> Entry(bool value, int layer, int slot) {
    const tensor::KvLayout& kv = runner_->executor().kv();
    std::size_t at = static_cast<std::size_t>(layer) * kv.layer_stride();
    at += value ? kv.v_element_offset(0, slot, 3) : kv.k_offset(0, 3, slot);
    return runner_->executor().kv_memory().subspan(at, kv.element_bytes() == 2 ? 2 : 4);
  }

  static void Put(std::span<std::byte> entry, float value) {
    if (entry.size() == sizeof(float)) {
      std::memcpy(entry.data(), &value, sizeof(float));
      return;
    }
    const auto half = static_cast<std::uint16_t>((std::signbit(value) ? 0x8000 : 0) |
                                                 (std::isnan(value) ? 0x7e00 : 0x7c00));
    std::memcpy(entry.data(), &half, sizeof(half));
  }

  static bool IsZero(std::span<const std::byte> entry) {
    return std::all_of(entry.begin(), entry.end(), [](std::byte byte) { return byte == std::byte{0}; });
  }

  std::string path_;
  engine::EngineConfig config_;
  std::unique_ptr<checkpoint::Checkpoint> file_;
  std::unique_ptr<engine::ModelText> text_;
  engine::ModelRunner* runner_ = nullptr;
  std::unique_ptr<engine::EngineLoop> loop_;
};

// The others run beside it, and need no blocks but those that they begin with.
TEST_P(PoisonedCacheTest, EndsTheRequestThatReadsItAndLeavesNothingBehind) {
  const Request ill = AskScored(SomePrompt(20, 9), 200);
  Start();
  const Collected ill_alone = Answer(*loop_, ill);
  std::vector<Collected> alone;
  for (int i = 0; i < 3; ++i) alone.push_back(Answer(*loop_, AskScored(SomePrompt(34 + i, i), 12)));
  for (const bool value : {false, true}) {
    for (const float poison : {kNan, kInfinity, -kInfinity}) {
      const std::string what = std::string(value ? "value " : "key ") + std::to_string(poison);
      Start();
      Collector victim;
      std::vector<Collector> others(3);
      int pieces = 0;
      std::promise<void> submitted;
      const auto poisoning = [&, tell = victim.Callback()](RequestOutput output) {
        if (++pieces == 1) submitted.get_future().wait();
        if (pieces == kPoisonedPiece) Put(Entry(value, 1, 4), poison);
        tell(std::move(output));
      };
      ASSERT_TRUE(loop_->Submit(ill, poisoning).ok());  // the first, so it has the first block
      for (std::size_t i = 0; i < 3; ++i) {
        const int salt = static_cast<int>(i);
        ASSERT_TRUE(loop_->Submit(AskScored(SomePrompt(34 + salt, salt), 12), others[i].Callback()).ok());
      }
      submitted.set_value();
      const Collected out = victim.Wait();
      ExpectNumericalError(out, what);
      EXPECT_EQ(out.tokens.size(), std::size_t{kPoisonedPiece}) << what << ": the next step must see it";
      for (std::size_t i = 0; i < 3; ++i) ExpectSame(others[i].Wait(), alone[i]);
      bool zero = false;
      Collector next;
      const auto looking = [&, tell = next.Callback()](RequestOutput output) {
        zero = IsZero(Entry(value, 1, 4));
        tell(std::move(output));
      };
      ASSERT_TRUE(loop_->Submit(AskScored({5}, 1), looking).ok());
      next.Wait();
      EXPECT_TRUE(zero) << what << ": the block was not cleaned";
      const Collected again = Answer(*loop_, ill);
      ExpectSame(again, ill_alone);
      EXPECT_EQ(again.last.cached_prompt_tokens, 0) << what;
    }
  }
}

// What blocks held before says nothing: not even what is no number gets through a mask.
TEST_P(PoisonedCacheTest, WhatBlocksHeldBeforeChangesNoAnswer) {
  Start();
  const Request request = AskScored(SomePrompt(37, 2), 40);
  const Collected alone = Answer(*loop_, request);
  Start();
  const std::span<std::byte> memory = runner_->executor().kv_memory();
  std::memset(memory.data(), 0xff, memory.size());  // no request has come yet
  ExpectSame(Answer(*loop_, request), alone);
}

INSTANTIATE_TEST_SUITE_P(Types, PoisonedCacheTest,
                         testing::Values(CacheCase{0, tensor::DType::kF16}, CacheCase{0, tensor::DType::kF32},
                                         CacheCase{2, tensor::DType::kF16},
                                         CacheCase{2, tensor::DType::kF32}),
                         [](const auto& test) {
                           return "O" + std::to_string(test.param.level) + "_" +
                                  std::string(tensor::Row(test.param.type).name);
                         });

}  // namespace
}  // namespace vivace
