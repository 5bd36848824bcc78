// What requests ask of sampling, through the whole engine.
#include <set>
#include <thread>

#include "engine/engine_fixture.h"

namespace vivace {
namespace {

class EngineSamplingTest : public EngineTest {};

TEST_P(EngineSamplingTest, ChoicesOfOnePromptComputeItOnce) {
  const auto engine = Make();
  std::vector<Collector> collectors(4);
  for (std::size_t i = 0; i < collectors.size(); ++i) {
    Request request = Ask(SomePrompt(70));
    request.sampling.temperature = 2;
    request.sampling.seed = 3;
    request.choice_index = static_cast<int>(i);
    ASSERT_TRUE(engine->Submit(std::move(request), collectors[i].Callback()).ok());
  }
  std::set<std::vector<std::int32_t>> answers;
  for (Collector& collector : collectors) answers.insert(collector.Wait().tokens);
  EXPECT_GT(answers.size(), 1u) << "each choice has draws of its own";
  EXPECT_EQ(engine->stats().prefix_hits, 3 * 64);
}

TEST_P(EngineSamplingTest, PenaltiesSeeTheRequestsOwnTokensOnly) {
  const auto engine = Make();
  const auto ask = [](int salt) {
    Request request = Ask(SomePrompt(20, salt), 24);
    request.sampling.presence_penalty = 2;
    request.sampling.frequency_penalty = 2;
    request.sampling.repetition_penalty = 1.5;
    request.sampling.logit_bias = {{40 + salt, 1.0f}};
    return request;
  };
  std::vector<Collected> alone;
  for (int i = 0; i < 4; ++i) alone.push_back(Complete(*engine, ask(i)));
  EXPECT_NE(alone[0].tokens, Complete(*engine, Ask(SomePrompt(20, 0), 24)).tokens)
      << "penalties do something";
  std::vector<Collector> collectors(4);
  for (std::size_t i = 0; i < 4; ++i)
    ASSERT_TRUE(engine->Submit(ask(static_cast<int>(i)), collectors[i].Callback()).ok());
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(collectors[i].Wait().tokens, alone[i].tokens) << i;
}

TEST_P(EngineSamplingTest, ARequestThatBansEveryTokenEndsAlone) {
  const auto engine = Make();
  Request banned = Ask(SomePrompt(10));
  banned.sampling.allowed_token_ids = {TinyModelSpec::kEnd};
  banned.sampling.min_tokens = 2;
  Collector collector;
  ASSERT_TRUE(engine->Submit(banned, collector.Callback()).ok());
  EXPECT_EQ(Complete(*engine, Ask(SomePrompt(10))).last.finish_reason, FinishReason::kLength);
  const Collected out = collector.Wait();
  EXPECT_EQ(out.last.finish_reason, FinishReason::kError);
  EXPECT_EQ(out.last.status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(out.last.error_code, "");
  EXPECT_EQ(engine->stats().blocks_used, 0);
}

TEST_P(EngineSamplingTest, ALogitThatIsNoNumberEndsItsRequestWithNumericalError) {
  TinyModelSpec spec;
  spec.poisoned = true;
  const auto engine = Make({}, spec);
  const std::int32_t poison = TinyModelSpec::kFirstByte + '!';
  Request scored = Ask({5, poison, 6});
  scored.sampling.prompt_logprobs = 1;
  for (Request request : {Ask({5, poison}), scored}) {
    const Collected out = Complete(*engine, request);
    EXPECT_EQ(out.last.finish_reason, FinishReason::kError);
    EXPECT_EQ(out.last.error_code, "numerical_error");
  }
  EXPECT_EQ(engine->stats().numerical_errors, 2);
}

TEST_P(EngineSamplingTest, TellsItsStatisticsWhileThereIsTraffic) {
  testing::internal::CaptureStderr();
  {
    const auto engine = Make({{"log-level", "info"}, {"log-stats-interval", "0.05"}});
    Complete(*engine, Ask(SomePrompt(30), 30));
    for (int i = 0; i < 40 && engine->stats().running >= 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("Engine 000: Avg prompt throughput: "), std::string::npos) << log;
  EXPECT_NE(log.find("CPU KV cache size: "), std::string::npos);
  for (const char* phase : {"Opened '", "Tokenizer of ", "Loading weights took ", "Ready in "})
    EXPECT_NE(log.find(phase), std::string::npos) << phase;
}

TEST_P(EngineSamplingTest, SamplingFromOptionsTakesWhatIsSetAndLeavesTheRest) {
  const auto engine = Make();
  Options options;
  const std::pair<const char*, const char*> settings[] = {{"temperature", "0.25"},
                                                          {"min-p", "0.1"},
                                                          {"logit-bias", "5:-100, 7:1.5"},
                                                          {"stop", "a\nb"},
                                                          {"stop", "c"},
                                                          {"bad-words", "the"},
                                                          {"allowed-token-ids", "1,2"},
                                                          {"min-tokens", "3"},
                                                          {"stop-token-ids", "9"},
                                                          {"top-k", "4"},
                                                          {"skip-special-tokens", "no"},
                                                          {"seed", "-4"},
                                                          {"presence-penalty", "-1"},
                                                          {"max-tokens", "20"}};
  for (const auto& [name, value] : settings) ASSERT_TRUE(options.Set(name, value).ok()) << name;
  const auto params = SamplingFromOptions(options, *engine);
  ASSERT_TRUE(params.ok()) << params.status().message();
  EXPECT_EQ(params->temperature, 0.25);
  EXPECT_EQ(params->min_p, 0.1);
  EXPECT_EQ(params->top_p, 1);
  EXPECT_EQ(params->logit_bias, (std::vector<std::pair<std::int32_t, float>>{{5, -100.0f}, {7, 1.5f}}));
  EXPECT_EQ(params->stop.size(), 2u);
  EXPECT_FALSE(params->bad_words.empty());
  EXPECT_EQ(params->allowed_token_ids, (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(params->stop_token_ids, (std::vector<std::int32_t>{9}));
  EXPECT_EQ(params->min_tokens, 3);
  EXPECT_EQ(params->max_tokens, 20);
  EXPECT_FALSE(params->skip_special_tokens);
  EXPECT_EQ(params->seed, -4);
  ASSERT_TRUE(options.Set("logit-bias", "5=1").ok());
  EXPECT_EQ(SamplingFromOptions(options, *engine).status().message(),
            "--logit-bias has '5=1': it must be ID:VALUE, such as 13:-100");
  ASSERT_TRUE(options.Set("logit-bias", "").ok());
  ASSERT_TRUE(options.Set("allowed-token-ids", "1,x").ok());
  EXPECT_EQ(SamplingFromOptions(options, *engine).status().message(),
            "--allowed-token-ids has 'x': it must be token ids, such as 2,13");
}

INSTANTIATE_TEST_SUITE_P(Levels, EngineSamplingTest, testing::Values(0, 2), LevelName);

}  // namespace
}  // namespace vivace
