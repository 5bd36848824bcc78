#include "models/dummy_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "checkpoint/test_folder.h"
#include "models/model_config.h"
#include "models/model_families.h"
#include "tensor/dequantize.h"

namespace vivace::models {
namespace {

using checkpoint::TensorView;
using checkpoint::TestFolder;
using tensor::DType;
using ::testing::HasSubstr;

constexpr const char* kTiny =
    R"({"architectures":["Qwen2ForCausalLM"],"hidden_size":256,"intermediate_size":512,"num_hidden_layers":2,)"
    R"("num_attention_heads":4,"num_key_value_heads":2,"vocab_size":300,"max_position_embeddings":64,)"
    R"("rms_norm_eps":1e-6,"tie_word_embeddings":true,"bos_token_id":1,"eos_token_id":2})";

std::vector<float> Values(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  const tensor::DTypeRow& row = tensor::Row(view.type);
  const auto bytes = static_cast<std::size_t>(view.dims[0] / row.block_elements * row.block_bytes);
  for (std::int64_t i = 0; i < view.rows(); ++i) {
    tensor::DequantizeRow(view.type, view.data.data() + static_cast<std::size_t>(i) * bytes, view.dims[0],
                          values.data() + i * view.dims[0]);
  }
  return values;
}

float Mean(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += v;
  return static_cast<float>(sum / static_cast<double>(values.size()));
}

float Deviation(const std::vector<float>& values) {
  const float mean = Mean(values);
  double sum = 0;
  for (const float v : values) sum += (v - mean) * (v - mean);
  return static_cast<float>(std::sqrt(sum / static_cast<double>(values.size())));
}

TEST(DummyCheckpoint, HasTheTensorsThatTheModelNeedsOfEachType) {
  TestFolder folder;
  folder.Write("config.json", kTiny);
  for (int i = 0; i < tensor::kWeightTypes; ++i) {
    const DType type = static_cast<DType>(i);
    const auto file = MakeDummyCheckpoint(folder.path(), {type, 7, 2});
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_EQ((*file)->format(), checkpoint::Format::kDummy);
    const auto config = ReadConfig(**file);
    ASSERT_TRUE(config.ok()) << config.status().message();
    const auto weights = ReadWeights(**file, *config);
    ASSERT_TRUE(weights.ok()) << weights.status().message();
    const auto graph = BuildGraph(*config, *weights);
    EXPECT_TRUE(graph.ok()) << graph.status().message();
    const TensorView* gate = (*file)->FindTensor("model.layers.1.mlp.gate_proj.weight");
    ASSERT_NE(gate, nullptr);
    EXPECT_EQ(gate->type, type);
    EXPECT_EQ(gate->dims[0], 256);
    EXPECT_EQ(gate->rows(), 512);
    const std::vector<float> values = Values(*gate);
    EXPECT_NEAR(Mean(values), 0, 0.002) << tensor::Row(type).name;
    EXPECT_NEAR(Deviation(values), 1.0 / 16, 0.01) << tensor::Row(type).name;
  }
}

TEST(DummyCheckpoint, NormsAreNearWhatChangesNothing) {
  TestFolder folder;
  folder.Write("config.json", kTiny);
  const auto file = MakeDummyCheckpoint(folder.path(), {DType::kBF16, 7, 1});
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto norm = Values(*(*file)->FindTensor("model.norm.weight"));
  EXPECT_NEAR(Mean(norm), 1, 0.05);
  EXPECT_NEAR(Deviation(norm), 0.1, 0.02);
  EXPECT_NEAR(Mean(Values(*(*file)->FindTensor("model.layers.0.self_attn.q_proj.bias"))), 0, 0.05);
}

TEST(DummyCheckpoint, TheSeedAloneDecidesTheBits) {
  TestFolder folder;
  folder.Write("config.json", kTiny);
  const auto one = MakeDummyCheckpoint(folder.path(), {DType::kQ4_0, 7, 1});
  const auto three = MakeDummyCheckpoint(folder.path(), {DType::kQ4_0, 7, 3});
  const auto other = MakeDummyCheckpoint(folder.path(), {DType::kQ4_0, 8, 1});
  ASSERT_TRUE(one.ok() && three.ok() && other.ok());
  for (const TensorView& tensor : (*one)->tensors()) {
    const auto same = (*three)->FindTensor(tensor.name)->data;
    const auto differs = (*other)->FindTensor(tensor.name)->data;
    EXPECT_EQ(std::memcmp(tensor.data.data(), same.data(), same.size()), 0) << tensor.name;
    EXPECT_NE(std::memcmp(tensor.data.data(), differs.data(), differs.size()), 0) << tensor.name;
  }
  // Two tensors of one shape are not copies of each other.
  EXPECT_NE(std::memcmp((*one)->FindTensor("model.layers.0.mlp.up_proj.weight")->data.data(),
                        (*one)->FindTensor("model.layers.1.mlp.up_proj.weight")->data.data(), 64),
            0);
}

TEST(DummyCheckpoint, TakesAnotherTypeWhereRowsAreNoWholeBlocks) {
  const auto file = MakeDummyCheckpoint("smollm2-135m", {DType::kQ4_K, 0, 1, false});
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->FindTensor("model.layers.0.mlp.gate_proj.weight")->type, DType::kQ8_0);  // rows of 576
  EXPECT_EQ((*file)->FindTensor("model.layers.0.mlp.down_proj.weight")->type, DType::kQ4_K);  // rows of 1536
  EXPECT_TRUE((*file)->FindTensor("model.norm.weight")->data.empty());
}

TEST(DummyCheckpoint, KeepsTheTextsOfTheFolder) {
  TestFolder folder;
  folder.Write("config.json", kTiny).Write("tokenizer.json", "t").Write("chat_template.jinja", "c");
  const auto file = MakeDummyCheckpoint(folder.path(), {.fill = false});
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->texts().tokenizer, "t");
  EXPECT_EQ((*file)->texts().chat_template, "c");
}

TEST(DummyCheckpoint, TakesOverridesOfItsConfig) {
  const auto file = MakeDummyCheckpoint("meta-llama/Meta-Llama-3-8B",
                                        {.fill = false, .overrides = R"({"num_hidden_layers": 1})"});
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->FindTensor("model.layers.0.mlp.gate_proj.weight")->rows(), 14336);
  EXPECT_EQ((*file)->FindTensor("model.layers.1.mlp.gate_proj.weight"), nullptr);
  const auto config = ReadConfig(**file);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->layers, 1);
}

TEST(DummyCheckpoint, RefusesTypesThatItCannotRunUntilTheUserTakesOthers) {
  const char* fp8 = "RedHatAI/Llama-3.2-1B-FP8";
  const auto refused = MakeDummyCheckpoint(fp8, {.fill = false}).status();
  EXPECT_EQ(refused.code(), StatusCode::kUnsupported);
  EXPECT_THAT(refused.message(), HasSubstr(R"(--hf-overrides '{"quantization_config": null}')"));
  EXPECT_TRUE(
      MakeDummyCheckpoint(fp8, {.fill = false, .overrides = R"({"quantization_config": null})"}).ok());
}

TEST(DummyCheckpoint, SaysWhatItWanted) {
  TestFolder folder;
  EXPECT_THAT(MakeDummyCheckpoint(folder.path(), {}).status().message(), HasSubstr("has no config.json"));
  EXPECT_THAT(MakeDummyCheckpoint("llama-9", {}).status().message(),
              HasSubstr("a model whose shape is known: gemma-3-12b, "));
  folder.Write("config.json",
               R"({"architectures":["LlamaForCausalLM"],"hidden_size":65536,)"
               R"("intermediate_size":262144,"num_hidden_layers":1000,"num_attention_heads":512,)"
               R"("vocab_size":262144,"max_position_embeddings":64})");
  EXPECT_THAT(MakeDummyCheckpoint(folder.path(), {}).status().message(),
              HasSubstr("GiB of memory, this machine has"));
}

}  // namespace
}  // namespace vivace::models
