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
    {"gemma-3-270m", 268'098'176},   {"gemma-3-12b", 11'766'034'176},    {"llama-2-13b", 13'015'864'320},
    {"llama-3-70b", 70'553'706'496}, {"mistral-7b-v0.3", 7'248'023'552}, {"qwen2.5-3b", 3'085'938'688},
    {"qwen2.5-14b", 14'770'033'664}, {"qwen2.5-32b", 32'763'876'352},    {"qwen3-4b", 4'022'468'096},
    {"qwen3-14b", 14'768'307'200},   {"qwen3-32b", 32'762'123'264},      {"gemma-3-1b", 999'885'952},
    {"gemma-3-4b", 3'880'263'168},   {"llama-2-7b", 6'738'415'616},      {"llama-3-8b", 8'030'261'248},
    {"llama-3.1-8b", 8'030'261'248}, {"llama-3.1-70b", 70'553'706'496},  {"llama-3.2-1b", 1'235'814'400},
    {"llama-3.2-3b", 3'212'749'824}, {"mistral-7b", 7'241'732'096},      {"qwen2.5-0.5b", 494'032'768},
    {"qwen2.5-1.5b", 1'543'714'304}, {"qwen2.5-7b", 7'615'616'512},      {"qwen3-0.6b", 596'049'920},
    {"qwen3-1.7b", 1'720'574'976},   {"qwen3-8b", 8'190'735'360},        {"smollm2-1.7b", 1'711'376'384},
    {"smollm2-135m", 134'515'008},   {"smollm2-360m", 361'821'120},      {"tinyllama-1.1b", 1'100'048'384},
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

// The same shape under the name that a hub has for it.
TEST(KnownShapes, AreFoundByTheirHubNames) {
  constexpr struct {
    const char *hub, *shape;
  } kNames[] = {
      {"meta-llama/Meta-Llama-3-8B", "llama-3-8b"},
      {"meta-llama/Meta-Llama-3-8B-Instruct", "llama-3-8b"},
      {"meta-llama/Llama-3.1-8B", "llama-3.1-8b"},
      {"meta-llama/Meta-Llama-3.1-70B-Instruct", "llama-3.1-70b"},
      {"meta-llama/Llama-3.2-1B", "llama-3.2-1b"},
      {"unsloth/Llama-3.2-3B-Instruct", "llama-3.2-3b"},
      {"meta-llama/Llama-2-7b-chat-hf", "llama-2-7b"},
      {"mistralai/Mistral-7B-v0.1", "mistral-7b"},
      {"mistralai/Mistral-7B-Instruct-v0.3", "mistral-7b-v0.3"},
      {"Qwen/Qwen2.5-0.5B-Instruct", "qwen2.5-0.5b"},
      {"Qwen/Qwen3-4B", "qwen3-4b"},
      {"Qwen/Qwen3-8B-Base", "qwen3-8b"},
      {"google/gemma-3-1b-it", "gemma-3-1b"},
      {"google/gemma-3-4b-pt", "gemma-3-4b"},
      {"HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m"},
      {"TinyLlama/TinyLlama-1.1B-Chat-v1.0", "tinyllama-1.1b"},
      {"LLAMA-3.2-1B", "llama-3.2-1b"},
  };
  for (const auto& name : kNames)
    EXPECT_EQ(KnownShapeConfig(name.hub), KnownShapeConfig(name.shape)) << name.hub;
  // A path of the file system is no name, whatever its last part is.
  for (const char* other :
       {"/llama-3-8b", "./llama-3-8b", "models/x/llama-3-8b", "meta-llama/", "", "llama-3"}) {
    EXPECT_FALSE(KnownShapeConfig(other)) << other;
  }
}

TEST(KnownShapes, OfModelsWithFp8WeightsSaySo) {
  const auto text = KnownShapeConfig("RedHatAI/Llama-3.2-1B-FP8");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, ::testing::HasSubstr("quantization_config"));
  EXPECT_EQ(ReadConfigJson(*text).status().code(), StatusCode::kUnsupported);
}

}  // namespace
}  // namespace vivace::models
