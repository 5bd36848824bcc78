#include "vivace/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine_fixture.h"
#include "engine/explain_roof.h"
#include "engine/explain_step.h"

namespace vivace {
namespace {

using ::testing::HasSubstr;

class ExplainTest : public EngineTest {
 protected:
  Options OptionsOf(const std::string& model) {
    Options options;
    EXPECT_TRUE(options.Set("model", model).ok());
    EXPECT_TRUE(options.Set("optimization-level", std::to_string(GetParam())).ok());
    EXPECT_TRUE(options.Set("log-level", "off").ok());
    EXPECT_TRUE(options.Set("threads", "2").ok());
    return options;
  }
  Explanation Explain(const ExplainRequest& request, const TinyModelSpec& spec = {}) {
    auto explained = ExplainModel(OptionsOf(WriteModel(spec)), request);
    EXPECT_TRUE(explained.ok()) << explained.status().message();
    return explained.ok() ? std::move(explained).value() : Explanation{};
  }
};

// Every phase of every layer is in exactly one row, and the sums are those of the rows.
void ExpectWhole(const StepExplanation& step) {
  double seconds = 0, ideal = 0;
  int barriers = 0;
  for (const PhaseExplanation& phase : step.phases) {
    EXPECT_GT(phase.seconds, 0) << phase.label;
    EXPECT_GT(phase.activation_bytes, 0) << phase.label;
    EXPECT_EQ(phase.operations > 0, !phase.arithmetic.empty()) << phase.label;
    seconds += phase.seconds;
    ideal += phase.ideal_seconds();
    barriers += phase.count;
  }
  EXPECT_DOUBLE_EQ(step.phases_seconds, seconds);
  EXPECT_DOUBLE_EQ(step.ideal_seconds, ideal);
  EXPECT_EQ(step.barriers, barriers);
  EXPECT_GT(step.seconds, 0);
  EXPECT_DOUBLE_EQ(step.tokens_per_s, step.tokens / step.seconds);
  EXPECT_GT(step.roof.barrier_s, 0);
}

TEST_P(ExplainTest, WithoutTokensADecodeAndAPrefillStepAreShown) {
  const Explanation explanation = Explain({.tokens = {}, .context = 20, .rounds = 2});
  EXPECT_EQ(explanation.threads, 2);
  ASSERT_EQ(explanation.steps.size(), 2u);
  EXPECT_EQ(explanation.steps[0].name, "decode");
  EXPECT_EQ(explanation.steps[0].tokens, 1);
  EXPECT_EQ(explanation.steps[1].name, "prefill");
  EXPECT_EQ(explanation.steps[1].tokens, 236) << "what the model's 256 tokens leave";
  for (const StepExplanation& step : explanation.steps) {
    EXPECT_EQ(step.rounds, 2);
    EXPECT_EQ(step.context, 20);
    ExpectWhole(step);
  }
}

TEST_P(ExplainTest, BytesAndOperationsAreThoseOfTheModel) {
  // Both layers bind to one body: hidden 64, 2 heads of 32, 1 KV head, feed-forward 96, vocabulary 261.
  const Explanation explanation = Explain({.tokens = {5}, .context = 11, .rounds = 1});
  ASSERT_EQ(explanation.steps.size(), 1u);
  std::int64_t contractions = 0, attention = 0, kv = 0;
  for (const PhaseExplanation& phase : explanation.steps[0].phases) {
    const bool attends = phase.kind.find("attention") != std::string::npos;
    (attends ? attention : contractions) += phase.operations;
    kv += phase.kv_bytes;
    if (phase.body == "layer") {
      EXPECT_EQ(phase.count, 2) << phase.label;
    }
  }
  constexpr std::int64_t kOfAToken = 64 * (64 + 2 * 32) + 64 * 64 + 3 * 64 * 96;
  // Widths that are no multiple of 32 may be padded.
  EXPECT_EQ(contractions, 2 * 5 * kOfAToken + 64 * TinyModelSpec::kVocabulary);
  EXPECT_EQ(attention, 2 * 2 * 2 * 32 * (12 + 13 + 14 + 15 + 16));
  EXPECT_EQ(kv, 2 * (16 + 5) * 2 * 32 * 2) << "16 positions read, 5 written, K and V of 32 f16 each";
}

TEST_P(ExplainTest, StepsThatDoNotFitTheModelAreRefused) {
  const std::string path = WriteModel();
  const auto refusal = [&](const ExplainRequest& request) {
    const auto explained = ExplainModel(OptionsOf(path), request);
    EXPECT_EQ(explained.status().code(), StatusCode::kInvalidArgument);
    return explained.status().message();
  };
  EXPECT_THAT(refusal({.tokens = {2}, .context = 255}),
              HasSubstr("--context is 255 and --tokens is 2: together they may be 256 at most"));
  EXPECT_THAT(refusal({.tokens = {}, .context = 256}), HasSubstr("--tokens is 1"));
  EXPECT_THAT(refusal({.tokens = {1 << 20}}), HasSubstr("may be 256"));
  EXPECT_EQ(ExplainModel(OptionsOf("/nowhere/m.gguf"), {}).status().code(), StatusCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Levels, ExplainTest, testing::Values(0, 2), LevelName);

TEST(ExplainStep, WhatBoundsAPhaseFollowsFromItsTimes) {
  MachineRoof roof{
      .read_bytes_per_s = 10e9, .cache_bytes_per_s = 100e9, .dot4_per_s = 200e9, .barrier_s = 1e-6};
  StepExplanation step;
  step.tokens = 4;
  step.seconds = 10e-3;
  const auto add = [&](double seconds, std::int64_t bytes, std::int64_t operations,
                       int count) -> PhaseExplanation& {
    PhaseExplanation phase;
    phase.seconds = seconds;
    phase.weight_bytes = bytes;
    phase.operations = operations;
    phase.arithmetic = "u8 x s8 dot";
    phase.count = count;
    return step.phases.emplace_back(phase);
  };
  add(2e-3, 10'000'000, 1'000'000, 1);   // 1 ms of reading
  add(2e-3, 1'000'000, 300'000'000, 1);  // 1.5 ms of products
  add(50e-6, 1000, 1000, 30);            // 30 us of barriers
  add(2e-3, 1'000'000, 1'000'000, 1);    // nothing explains it
  add(1e-3, 0, 0, 1).kv_bytes = 8'000'000;
  step.phases.back().activation_bytes = 10'000'000;
  engine::HoldAgainst(roof, step);
  EXPECT_EQ(step.phases[0].bound, PhaseBound::kMemory);
  EXPECT_DOUBLE_EQ(step.phases[0].roof_share(), 0.5);
  EXPECT_EQ(step.phases[1].bound, PhaseBound::kArithmetic);
  EXPECT_DOUBLE_EQ(step.phases[1].ideal_seconds(), 1.5e-3);
  EXPECT_EQ(step.phases[2].bound, PhaseBound::kLatency);
  EXPECT_EQ(step.phases[3].bound, PhaseBound::kOverhead);
  EXPECT_DOUBLE_EQ(step.phases[4].memory_seconds, 0.9e-3);
  EXPECT_DOUBLE_EQ(step.tokens_per_s, 400);
  EXPECT_EQ(step.barriers, 34);
  roof = {.barrier_s = 1e-6};
  engine::HoldAgainst(roof, step);
  EXPECT_EQ(step.phases[0].bound, PhaseBound::kUnknown);
  EXPECT_EQ(step.ideal_seconds, 0);
}

TEST(ExplainRoof, RatesAreOfAllWorkersAndOfThisMachinesInstructions) {
  base::WorkerTeam team(2);
  const auto meter = engine::RoofMeter::Create(team, 1);
  ASSERT_TRUE(meter.ok()) << meter.status().message();
  for (int i = 0; i < 3; ++i) (*meter)->Round();
  const MachineRoof roof = (*meter)->Take();
  EXPECT_EQ((*meter)->rounds(), 3);
  EXPECT_GT(roof.barrier_s, 0);
  if (!codegen::HostTarget().CanRun()) {
    EXPECT_EQ(roof.read_bytes_per_s, 0);
    return;
  }
  EXPECT_EQ(roof.read_bytes, 4 << 20) << "not less";
  // A machine of this century, and not of the next.
  EXPECT_GT(roof.read_bytes_per_s, 1e8);
  EXPECT_LT(roof.read_bytes_per_s, 1e13);
  EXPECT_GT(roof.cache_bytes_per_s, 1e8);
  EXPECT_GT(roof.dot4_per_s, roof.fma_per_s);
  EXPECT_EQ(roof.dot_bf16_per_s > 0, codegen::HostTarget().bf16);
}

TEST(ExplainRoof, AMedianIsTheMiddle) {
  EXPECT_EQ(engine::MedianOf({}), 0);
  EXPECT_EQ(engine::MedianOf({3}), 3);
  EXPECT_EQ(engine::MedianOf({9, 1, 3}), 3);
}

}  // namespace
}  // namespace vivace
