// Whatever a level decides is a row of the option list: each level put together by hand from another one is
// that level, down to the text of the program.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "compiler/compiler.h"
#include "engine/engine_config.h"
#include "engine/model_opening.h"
#include "engine/option_list.h"
#include "models/model_families.h"
#include "program/program.h"
#include "runtime/tiny_model.h"

namespace vivace::engine {
namespace {

// The default of a row at a level.
std::string PartAt(std::string_view by_level, int level) {
  for (; level > 0 && by_level.find('|') != std::string_view::npos; --level)
    by_level.remove_prefix(by_level.find('|') + 1);
  return std::string(by_level.substr(0, by_level.find('|')));
}

class LevelContract : public testing::Test {
 protected:
  LevelContract() : path_(testing::TempDir() + "level_contract_" + std::to_string(::getpid()) + ".gguf") {
    EXPECT_TRUE(runtime::TinyModel(runtime::TinyModelSpec()).Write(path_));
  }
  ~LevelContract() override { std::remove(path_.c_str()); }

  Options AtLevel(int level) const {
    Options options;
    EXPECT_TRUE(options.Set("model", path_).ok());
    EXPECT_TRUE(options.Set("threads", "2").ok());
    EXPECT_TRUE(options.Set("optimization-level", std::to_string(level)).ok());
    return options;
  }
  // Level `base` with every flag that a level decides set to what `level` has.
  Options ByHand(int base, int level) const {
    Options options = AtLevel(base);
    for (const base::OptionRow& row : AllOptions()) {
      if (row.by_level.empty()) continue;
      const Status status = options.Set(row.name, PartAt(row.by_level, level));
      EXPECT_TRUE(status.ok()) << row.name << ": " << status.message();
    }
    return options;
  }

  static EngineConfig Resolve(const Options& options) {
    auto config = ResolveConfig(options);
    EXPECT_TRUE(config.ok()) << config.status().message();
    return config.ok() ? std::move(config).value() : EngineConfig();
  }
  static std::string ProgramText(const EngineConfig& config) {
    const auto file = OpenModel(config.options, checkpoint::Contents::kAll);
    EXPECT_TRUE(file.ok()) << file.status().message();
    const auto model = models::ReadConfig(**file);
    const auto weights = models::ReadWeights(**file, *model);
    auto graph = models::BuildGraph(*model, *weights);
    EXPECT_TRUE(graph.ok());
    const auto program = compiler::Compile(std::move(graph).value(), config.compile.options);
    EXPECT_TRUE(program.ok()) << program.status().message();
    return program.ok() ? program::Print(*program) : "";
  }
  static void ExpectSame(const EngineConfig& by_hand, const EngineConfig& level) {
    EXPECT_EQ(ProgramText(by_hand), ProgramText(level));
    EXPECT_EQ(by_hand.compile.capture_name, level.compile.capture_name);
    EXPECT_EQ(by_hand.compile.capture_sizes, level.compile.capture_sizes);
    EXPECT_EQ(by_hand.compile.options.compile_sizes, level.compile.options.compile_sizes);
    EXPECT_EQ(by_hand.compile.options.disabled_passes, level.compile.options.disabled_passes);
    EXPECT_EQ(by_hand.max_batched_tokens, level.max_batched_tokens);
    EXPECT_EQ(by_hand.tuner.mode, level.tuner.mode);
    for (const base::OptionRow& row : AllOptions()) {
      if (row.name == "optimization-level") continue;
      EXPECT_EQ(by_hand.options.Text(row.name), level.options.Text(row.name)) << row.name;
    }
  }

  std::string path_;
};

TEST_F(LevelContract, EachLevelPutTogetherByHandAtZeroIsThatLevel) {
  for (const int level : {1, 2, 3}) {
    SCOPED_TRACE(level);
    ExpectSame(Resolve(ByHand(0, level)), Resolve(AtLevel(level)));
  }
}

TEST_F(LevelContract, LevelTwoWithTheFlagsOfLevelZeroIsLevelZero) {
  ExpectSame(Resolve(ByHand(2, 0)), Resolve(AtLevel(0)));
  ExpectSame(Resolve(ByHand(3, 1)), Resolve(AtLevel(1)));
}

TEST_F(LevelContract, LevelsDiffer) {
  EXPECT_NE(ProgramText(Resolve(AtLevel(0))), ProgramText(Resolve(AtLevel(1))));
  EXPECT_NE(ProgramText(Resolve(AtLevel(1))), ProgramText(Resolve(AtLevel(2))));
}

}  // namespace
}  // namespace vivace::engine
