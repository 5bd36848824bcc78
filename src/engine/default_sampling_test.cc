// Defaults of requests that come from options: --override-generation-config, over what the model says.
#include "engine/engine_fixture.h"

namespace vivace {
namespace {

class DefaultSampling : public EngineTest {};

TEST_P(DefaultSampling, TheOverrideOfTheGenerationConfigIsWhatRequestsGet) {
  const auto plain = Make({{"generation-config", "vllm"}});
  const auto engine =
      Make({{"generation-config", "vllm"},
            {"override-generation-config", "{'temperature': 0.25, 'top_k': 7, 'max_new_tokens': 9}"}});
  EXPECT_EQ(plain->default_sampling().temperature, 1);
  EXPECT_EQ(engine->default_sampling().temperature, 0.25);
  EXPECT_EQ(engine->default_sampling().top_k, 7);
  EXPECT_EQ(engine->default_sampling().top_p, plain->default_sampling().top_p);
  EXPECT_EQ(engine->default_max_tokens(), 9);
  Options options;
  ASSERT_TRUE(options.Set("top-k", "5").ok());
  EXPECT_EQ(SamplingFromOptions(options, *engine).value().top_k, 5);
  EXPECT_EQ(SamplingFromOptions(options, *engine).value().temperature, 0.25);
}

TEST_P(DefaultSampling, AWrongOverrideIsNamed) {
  Options options;
  ASSERT_TRUE(options.Set("model", WriteModel()).ok());
  ASSERT_TRUE(options.Set("log-level", "off").ok());
  ASSERT_TRUE(options.Set("override-generation-config", R"({"temperature": -3})").ok());
  const auto engine = Engine::Create(options);
  ASSERT_FALSE(engine.ok());
  EXPECT_TRUE(
      engine.status().message().starts_with(R"(--override-generation-config is '{"temperature":-3}': )"))
      << engine.status().message();
}

INSTANTIATE_TEST_SUITE_P(Levels, DefaultSampling, testing::Values(0), LevelName);

}  // namespace
}  // namespace vivace
