#include "vivace/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/gguf_test_file.h"
#include "checkpoint/safetensors_test_file.h"
#include "checkpoint/test_folder.h"

namespace vivace {
namespace {

using checkpoint::GgufTestFile;
using checkpoint::GgufType;
using checkpoint::TestFolder;
using ::testing::HasSubstr;

Options Model(const std::string& path) {
  Options options;
  EXPECT_TRUE(options.Set("model", path).ok());
  return options;
}

TEST(InspectModel, DescribesAModelThatRuns) {
  Options options = Model("llama-3.2-1b");
  ASSERT_TRUE(options.Set("load-format", "dummy").ok());
  ASSERT_TRUE(options.Set("dummy-type", "q8_0").ok());
  ASSERT_TRUE(options.Set("max-model-len", "1000").ok());
  const auto model = InspectModel(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_TRUE(model->supported) << model->unsupported_reason;
  EXPECT_EQ(model->format, "dummy");
  EXPECT_EQ(model->parameters, 1'235'814'400);
  ASSERT_EQ(model->types.size(), 2u);
  EXPECT_EQ(model->types[0].type, "q8_0");
  EXPECT_EQ(model->types[0].tensors, 16 * 7 + 1);
  EXPECT_EQ(model->types[0].bytes, model->types[0].elements / 32 * 34);
  EXPECT_EQ(model->types[1].type, "f32");
  EXPECT_EQ(model->types[1].elements, 33 * 2048);
  EXPECT_EQ(model->layers, 16);
  EXPECT_EQ(model->head_dim, 64);
  EXPECT_EQ(model->vocabulary, 128256);
  EXPECT_EQ(model->context, 131072);
  EXPECT_EQ(model->kv_bytes_per_token, 16 * 2 * 8 * 64 * 2);
  EXPECT_EQ(model->kv_bytes, model->kv_bytes_per_token * 1000);
  EXPECT_EQ(model->tokenizer, "BPE, 128256 tokens");
  EXPECT_TRUE(model->has_chat_template);
}

TEST(InspectModel, SaysWhyAModelDoesNotRunAndWhatIsKnownOfIt) {
  TestFolder folder;
  GgufTestFile file;
  file.Header(2, 4)
      .StringKey("general.architecture", "mamba")
      .Key("mamba.block_count", GgufType::kUint32, std::uint32_t{48})
      .Key("mamba.embedding_length", GgufType::kUint32, std::uint32_t{1536})
      .Key("mamba.context_length", GgufType::kUint32, std::uint32_t{4096})
      .Tensor("a", {256, 2}, 10, 0)
      .Tensor("b", {4}, 0, 192)
      .Data(208);
  folder.Write("m.gguf", file.bytes());
  const auto model = InspectModel(Model(folder.path("m.gguf")));
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_FALSE(model->supported);
  EXPECT_THAT(model->unsupported_reason, HasSubstr("mamba"));
  EXPECT_EQ(model->architecture, "mamba");
  EXPECT_EQ(model->format, "gguf v3");
  EXPECT_EQ(model->layers, 48);
  EXPECT_EQ(model->context, 4096);
  EXPECT_EQ(model->tokenizer, "none");
  EXPECT_EQ(model->parameters, 516);
  ASSERT_EQ(model->types.size(), 2u);
  EXPECT_EQ(model->types[0].type, "q2_k");
  EXPECT_EQ(model->types[0].bytes, 168);
  EXPECT_EQ(model->file_bytes, static_cast<std::int64_t>(file.bytes().size()));
}

TEST(InspectModel, ListsTensorsThatThisBuildDoesNotRead) {
  TestFolder folder;
  folder.Write("config.json", R"({"architectures":["XForCausalLM"],"num_hidden_layers":3})")
      .Write(
          "model.safetensors",
          checkpoint::SafetensorsTestFile().Tensor("a", "I64", "2", 16).Tensor("b", "BF16", "2", 4).bytes());
  const auto model = InspectModel(Model(folder.path()));
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_FALSE(model->supported);
  EXPECT_EQ(model->architecture, "XForCausalLM");
  EXPECT_EQ(model->layers, 3);
  EXPECT_EQ(model->format, "safetensors");
  ASSERT_EQ(model->types.size(), 2u);
  EXPECT_EQ(model->types[0].type, "i64");
}

TEST(InspectModel, AnUnreadableFileIsAnError) {
  EXPECT_EQ(InspectModel(Model("/nowhere/x.gguf")).status().code(), StatusCode::kNotFound);
  Options options = Model("llama-3-8b");
  EXPECT_THAT(InspectModel(options).status().message(),
              HasSubstr("--load-format dummy runs it with random weights"));
  TestFolder folder;
  GgufTestFile file;
  file.Header(0, 0);
  folder.Write("m.gguf", file.bytes());
  options = Model(folder.path("m.gguf"));
  ASSERT_TRUE(options.Set("load-format", "safetensors").ok());
  EXPECT_THAT(InspectModel(options).status().message(), HasSubstr("--load-format is safetensors, but"));
}

}  // namespace
}  // namespace vivace
