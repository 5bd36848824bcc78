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

TEST(EngineConfig, LevelsThatAreNotBuiltRunAsTheNearestAndSaySo) {
  for (const auto& [asked, built] : {std::pair{"0", 0}, {"1", 2}, {"2", 2}, {"3", 2}}) {
    const auto config = ResolveConfig(WithModel({{"optimization-level", asked}}));
    ASSERT_TRUE(config.ok());
    EXPECT_EQ(config->level, built);
    if (asked == std::to_string(built)) {
      EXPECT_TRUE(config->notes.empty());
    } else {
      ASSERT_EQ(config->notes.size(), 1u);
      EXPECT_EQ(config->notes[0], std::string("-O") + asked + " is not built yet and runs as -O2");
    }
  }
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
  EXPECT_EQ(ResolveConfig(WithModel())->threads, AvailableCores());
  EXPECT_EQ(ResolveConfig(WithModel({{"threads", "7"}}))->threads, 7);
}

TEST(EngineConfig, WordsOfDumpAreChecked) {
  EXPECT_TRUE(ResolveConfig(WithModel({{"dump", "graph,asm"}}))->dumps.assembly);
  EXPECT_FALSE(ResolveConfig(WithModel({{"dump", "grpah"}})).ok());
}

}  // namespace
}  // namespace vivace::engine
