// What is chosen for speed changes no bit of an answer: each pass that moves no rounding point, capture
// modes, sizes that are compiled for, threads. On a tiny model; tests/bitwise has the same on a real one.
#include <bit>
#include <optional>

#include "compiler/pass_list.h"
#include "engine/engine_fixture.h"

namespace vivace {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

bool SameBits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

bool SameBits(const std::vector<TokenLogprob>& a, const std::vector<TokenLogprob>& b) {
  const auto same_top = [](const auto& x, const auto& y) {
    return x.first == y.first && SameBits(x.second, y.second);
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const auto& x, const auto& y) {
    return x.token == y.token && SameBits(x.logprob, y.logprob) &&
           std::equal(x.top.begin(), x.top.end(), y.top.begin(), y.top.end(), same_top);
  });
}

class ReproducibilityTest : public EngineTest {
 protected:
  struct Told {
    Collected scored, greedy, drawn;
  };

  // One request with all log-probabilities, one greedy and one drawn without any, together.
  Told Run(const Settings& settings) {
    const auto engine = Make(settings);
    Request scored = Ask(SomePrompt(37), 6);
    scored.sampling.logprobs = scored.sampling.prompt_logprobs = 3;
    Request drawn = Ask(SomePrompt(20, 1), 12);
    drawn.sampling.temperature = 1;
    drawn.sampling.seed = 5;
    Collector collectors[3];
    EXPECT_TRUE(engine->Submit(std::move(scored), collectors[0].Callback()).ok());
    EXPECT_TRUE(engine->Submit(Ask(SomePrompt(9, 2), 12), collectors[1].Callback()).ok());
    EXPECT_TRUE(engine->Submit(std::move(drawn), collectors[2].Callback()).ok());
    level_ = engine->model().level;
    return {collectors[0].Wait(), collectors[1].Wait(), collectors[2].Wait()};
  }

  static bool Same(const Told& a, const Told& b) {
    return SameBits(a.scored.logprobs, b.scored.logprobs) &&
           SameBits(a.scored.prompt_logprobs, b.scored.prompt_logprobs) &&
           a.greedy.tokens == b.greedy.tokens && a.drawn.tokens == b.drawn.tokens &&
           !a.scored.logprobs.empty();
  }

  int level_ = 0;  // that ran last
};

TEST_P(ReproducibilityTest, EachPassThatMovesNoRoundingPointCanBeLeftOut) {
  const Told all = Run({});
  for (const compiler::PassRow& pass : compiler::PassList()) {
    if (pass.moves_rounding_point) continue;
    const std::string key = "compilation-config.pass_config." + std::string(pass.name);
    EXPECT_TRUE(Same(Run({{key, "false"}}), all)) << pass.name;
    EXPECT_EQ(level_, GetParam()) << pass.name;
  }
}

TEST_P(ReproducibilityTest, CapturedPlansAndSizesChangeNothing) {
  const Told all = Run({});
  const std::string config = "compilation-config.";
  for (const char* mode : {"NONE", "PIECEWISE", "FULL", "FULL_DECODE_ONLY", "FULL_AND_PIECEWISE"}) {
    EXPECT_TRUE(Same(Run({{config + "cudagraph_mode", mode}, {"cudagraph-capture-sizes", "1,3"}}), all))
        << mode;
  }
  EXPECT_TRUE(Same(Run({{config + "compile_sizes", "[]"}}), all));
  EXPECT_TRUE(Same(Run({{config + "compile_sizes", "1,2,3,37"}}), all));
  EXPECT_TRUE(Same(Run({{config + "compile_ranges_endpoints", "1,16"}}), all));
  EXPECT_TRUE(Same(Run({{"threads", "1"}}), all));
  EXPECT_TRUE(Same(Run({{"long-prefill-token-threshold", "5"}}), all));
}

// The comparison must be able to fail.
TEST_P(ReproducibilityTest, OtherArithmeticIsDetected) {
  const Told all = Run({});
  EXPECT_FALSE(Same(Run({{"kv-cache-dtype", "float32"}}), all));
  EXPECT_FALSE(Same(Run({{"activation-dtype", "int16"}}), all));
  EXPECT_FALSE(Same(Run({{"enforce-eager", "true"}}), all));
}

INSTANTIATE_TEST_SUITE_P(Levels, ReproducibilityTest, testing::Values(1, 2), LevelName);

}  // namespace
}  // namespace vivace
