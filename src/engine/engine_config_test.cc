#include "engine/engine_config.h"

#include <gtest/gtest.h>

#include "engine/process_limits.h"

namespace vivace::engine {
namespace {

Options WithModel(const std::vector<std::pair<std::string, std::string>>& settings = {}) {
  Options options;
  EXPECT_TRUE(options.Set("model", "some.gguf").ok());
  for (const auto& [name, value] : settings) EXPECT_TRUE(options.Set(name, value).ok()) << name;
  return options;
}

TEST(EngineConfig, AsksForAModel) {
  EXPECT_EQ(ResolveConfig(Options()).status().message(), "no model: name a GGUF file or a catalogue name");
}

TEST(EngineConfig, TheStepIsShorterAtLevelZeroUnlessSet) {
  const auto tokens = [](const Options& options) { return ResolveConfig(options)->max_batched_tokens; };
  EXPECT_EQ(tokens(WithModel()), 256);
  EXPECT_EQ(tokens(WithModel({{"optimization-level", "0"}})), 128);
  EXPECT_EQ(tokens(WithModel({{"optimization-level", "0"}, {"max-num-batched-tokens", "512"}})), 512);
}

TEST(EngineConfig, NoMoreRequestsRunThanAStepHasTokens) {
  const auto config = ResolveConfig(WithModel({{"max-num-seqs", "64"}, {"max-num-batched-tokens", "16"}}));
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->max_num_seqs, 16);
}

TEST(EngineConfig, ThreadsAreTheCoresUnlessSet) {
  EXPECT_EQ(ResolveConfig(WithModel())->workers.workers, AvailableCores());
  EXPECT_EQ(ResolveConfig(WithModel({{"threads", "7"}}))->workers.workers, 7);
}

TEST(EngineConfig, EveryValueKnowsWhereItComesFrom) {
  const auto config = ResolveConfig(WithModel({{"optimization-level", "0"}}));
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->options.Origin("optimization-level"), OptionOrigin::kUser);
  EXPECT_EQ(config->options.Origin("max-num-batched-tokens"), OptionOrigin::kLevel);
  EXPECT_EQ(config->options.Origin("threads"), OptionOrigin::kPlatform);
  EXPECT_EQ(config->options.Integer("threads"), AvailableCores());
  EXPECT_EQ(config->options.Origin("port"), OptionOrigin::kDefault);
}

}  // namespace
}  // namespace vivace::engine
