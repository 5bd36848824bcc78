#include "models/known_shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/model_config.h"

namespace vivace::models {
namespace {

struct PublicModel {
  const char* name;
  std::int64_t parameters;  // as its makers count them
};

// A wrong size anywhere changes the count.
constexpr PublicModel kModels[] = {
    {"gemma-3-1b", 999'885'952},       {"gemma-3-4b", 3'880'263'168},   {"llama-2-7b", 6'738'415'616},
    {"llama-3-8b", 8'030'261'248},     {"llama-3.1-8b", 8'030'261'248}, {"llama-3.1-70b", 70'553'706'496},
    {"llama-3.2-1b", 1'235'814'400},   {"llama-3.2-3b", 3'212'749'824}, {"mistral-7b", 7'241'732'096},
    {"qwen2.5-0.5b", 494'032'768},     {"qwen2.5-1.5b", 1'543'714'304}, {"qwen2.5-7b", 7'615'616'512},
    {"qwen3-0.6b", 596'049'920},       {"qwen3-1.7b", 1'720'574'976},   {"qwen3-8b", 8'190'735'360},
    {"smollm2-1.7b", 1'711'376'384},   {"smollm2-135m", 134'515'008},   {"smollm2-360m", 361'821'120},
    {"tinyllama-1.1b", 1'100'048'384},
};

TEST(KnownShapes, HaveTheParametersOfTheModels) {
  for (const PublicModel& model : kModels) {
    const auto text = KnownShapeConfig(model.name);
    ASSERT_TRUE(text) << model.name;
    const auto config = ReadConfigJson(*text);
    ASSERT_TRUE(config.ok()) << model.name << ": " << config.status().message();
    const auto weights = RequiredWeights(*config, config->tied.value_or(false));
    ASSERT_TRUE(weights.ok()) << model.name << ": " << weights.status().message();
    std::int64_t parameters = 0;
    for (const WeightInfo& weight : *weights)
      parameters += weight.width * std::max<std::int64_t>(weight.rows, 1);
    EXPECT_EQ(parameters, model.parameters) << model.name;
    EXPECT_THAT(KnownShapeNames(), ::testing::HasSubstr(model.name));
  }
  EXPECT_FALSE(KnownShapeConfig("llama-9"));
}

}  // namespace
}  // namespace vivace::models
