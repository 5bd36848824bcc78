#include "models/decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "models/model_families.h"

namespace vivace::models {
namespace {

using tensor::DType;

ModelConfig TinyConfig() {
  ModelConfig config;
  config.architecture = "llama";
  config.layers = 2;
  config.hidden = 64;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 16;
  config.ffn = 96;
  config.max_positions = 128;
  config.norm_eps = 1e-5f;
  config.rope.theta = 10000.0f;
  config.attention_scale = 0.25f;
  return config;
}

std::vector<WeightInfo> TinyWeights() {
  std::vector<WeightInfo> weights{{"token_embd.weight", DType::kQ8_0, 100, 64},
                                  {"output_norm.weight", DType::kF32, 0, 64}};
  for (const std::string prefix : {"blk.0.", "blk.1."}) {
    const auto add = [&](const char* name, DType type, int rows, int width) {
      weights.push_back({prefix + name + ".weight", type, rows, width});
    };
    add("attn_norm", DType::kF32, 0, 64);
    add("attn_q", DType::kQ4_1, 64, 64);
    add("attn_k", DType::kQ4_1, 32, 64);
    add("attn_v", DType::kQ4_1, 32, 64);
    add("attn_output", DType::kQ4_1, 64, 64);
    add("ffn_norm", DType::kF32, 0, 64);
    add("ffn_gate", DType::kQ4_1, 96, 64);
    add("ffn_up", DType::kQ4_1, 96, 64);
    add("ffn_down", DType::kQ4_1, 64, 96);
  }
  return weights;
}

WeightInfo& Find(std::vector<WeightInfo>& weights, std::string_view name) {
  return *std::find_if(weights.begin(), weights.end(), [&](const WeightInfo& w) { return w.name == name; });
}

constexpr std::string_view kTiny = R"(graph llama {vocabulary = 100, hidden = 64, max_positions = 128}
body prologue(%tokens: i32[T]) -> %x
  weight @token_embd: q8_0[100, 64]
  %x: f32[T, 64] = embed %tokens, @token_embd
body layer(%x: f32[T, 64], %kv: kv, %positions: i32[T]) -> %x_ffn, %kv_new
  weight @attn_norm: f32[64]
  weight @attn_q: q4_1[64, 64]
  weight @attn_k: q4_1[32, 64]
  weight @attn_v: q4_1[32, 64]
  weight @attn_output: q4_1[64, 64]
  weight @ffn_norm: f32[64]
  weight @ffn_gate: q4_1[96, 64]
  weight @ffn_up: q4_1[96, 64]
  weight @ffn_down: q4_1[64, 96]
  %attn_n: f32[T, 64] = rms_norm %x, @attn_norm {eps = 1e-05}
  %q: f32[T, 64] = linear %attn_n, @attn_q
  %k: f32[T, 32] = linear %attn_n, @attn_k
  %v: f32[T, 32] = linear %attn_n, @attn_v
  %q_rope: f32[T, 64] = rope %q, %positions {heads = 4, head_dim = 16, theta = 10000}
  %k_rope: f32[T, 32] = rope %k, %positions {heads = 2, head_dim = 16, theta = 10000}
  %kv_new: kv = kv_append %kv, %k_rope, %v
  %attn: f32[T, 64] = attention %q_rope, %kv_new {heads = 4, kv_heads = 2, head_dim = 16, scale = 0.25}
  %attn_out: f32[T, 64] = linear %attn, @attn_output
  %x_attn: f32[T, 64] = add %x, %attn_out
  %ffn_n: f32[T, 64] = rms_norm %x_attn, @ffn_norm {eps = 1e-05}
  %gate: f32[T, 96] = linear %ffn_n, @ffn_gate
  %up: f32[T, 96] = linear %ffn_n, @ffn_up
  %act: f32[T, 96] = silu_mul %gate, %up
  %down: f32[T, 64] = linear %act, @ffn_down
  %x_ffn: f32[T, 64] = add %x_attn, %down
body epilogue(%x: f32[T, 64]) -> %logits
  weight @output_norm: f32[64]
  weight @token_embd: q8_0[100, 64]
  %output_n: f32[T, 64] = rms_norm %x, @output_norm {eps = 1e-05}
  %rows: f32[L, 64] = gather_rows %output_n
  %logits: f32[L, 100] = linear %rows, @token_embd
prologue prologue
  token_embd = token_embd.weight
layers 2 x layer
  attn_norm = blk.#.attn_norm.weight
  attn_q = blk.#.attn_q.weight
  attn_k = blk.#.attn_k.weight
  attn_v = blk.#.attn_v.weight
  attn_output = blk.#.attn_output.weight
  ffn_norm = blk.#.ffn_norm.weight
  ffn_gate = blk.#.ffn_gate.weight
  ffn_up = blk.#.ffn_up.weight
  ffn_down = blk.#.ffn_down.weight
epilogue epilogue
  output_norm = output_norm.weight
  token_embd = token_embd.weight
)";

TEST(Decoder, TiedModelOfAlikeLayersHasOneLayerBody) {
  const Result<graph::Graph> graph = BuildGraph(TinyConfig(), TinyWeights());
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_EQ(graph::Print(*graph), kTiny);
}

TEST(Decoder, UntiedOutputWeightIsUsed) {
  std::vector<WeightInfo> weights = TinyWeights();
  weights.push_back({"output.weight", DType::kF16, 100, 64});
  const Result<graph::Graph> graph = BuildGraph(TinyConfig(), weights);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_NE(graph::Print(*graph).find("weight @output: f16[100, 64]"), std::string::npos);
  EXPECT_EQ(graph->epilogue.bindings[1].source, "output.weight");
}

TEST(Decoder, LayersOfOtherTypesGetABodyOfTheirOwn) {
  std::vector<WeightInfo> weights = TinyWeights();
  Find(weights, "blk.1.ffn_down.weight").dtype = DType::kQ8_0;
  const Result<graph::Graph> graph = BuildGraph(TinyConfig(), weights);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_EQ(graph->bodies.size(), 4u);
  EXPECT_NE(graph->layers[0].body, graph->layers[1].body);
}

TEST(Decoder, FamiliesAreAllBuildable) {
  for (const ModelFamily& family : ModelFamilies()) {
    ModelConfig config = TinyConfig();
    config.architecture = family.architecture;
    EXPECT_TRUE(BuildGraph(config, TinyWeights()).ok()) << family.architecture;
  }
  ModelConfig config = TinyConfig();
  config.architecture = "mamba";
  EXPECT_EQ(
      BuildGraph(config, TinyWeights()).status().message(),
      "general.architecture is 'mamba'; this build knows 'llama', 'mistral', 'qwen2', 'qwen3', 'gemma3'. "
      "If you need it, say so in Vivace's issue tracker, with a link to the model.");
}

TEST(Decoder, TheRealModelHasOneLayerBody) {
  const char* given = std::getenv("VIVACE_TEST_MODEL");
  const std::string path = given != nullptr ? given : VIVACE_SOURCE_DIR "/.cache/models/smollm2-135m.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no model at " << path;
  const auto file = checkpoint::Checkpoint::Open(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto config = ReadConfig(**file);
  ASSERT_TRUE(config.ok()) << config.status().message();
  const auto weights = ReadWeights(**file);
  ASSERT_TRUE(weights.ok()) << weights.status().message();
  const auto graph = BuildGraph(*config, *weights);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_EQ(graph->bodies.size(), 3u);
  EXPECT_EQ(graph->layers.size(), 30u);
  EXPECT_EQ(graph->vocabulary, 49152);
  EXPECT_EQ(graph->max_positions, 8192);
}

TEST(Decoder, EveryWeightIsNeededWithItsShape) {
  for (const WeightInfo& needed : TinyWeights()) {
    std::vector<WeightInfo> weights = TinyWeights();
    std::erase_if(weights, [&](const WeightInfo& w) { return w.name == needed.name; });
    EXPECT_EQ(BuildGraph(TinyConfig(), weights).status().message(),
              "the checkpoint has no tensor '" + needed.name +
                  "', which its architecture needs. Fetch or convert it again.");
    weights = TinyWeights();
    Find(weights, needed.name).width += 32;
    const std::string message = BuildGraph(TinyConfig(), weights).status().message();
    EXPECT_NE(message.find("tensor '" + needed.name + "' has dimensions ["), std::string::npos) << message;
  }
}

TEST(Decoder, WrongShapesNameBothDimensions) {
  std::vector<WeightInfo> weights = TinyWeights();
  Find(weights, "blk.1.attn_k.weight").rows = 64;
  EXPECT_EQ(BuildGraph(TinyConfig(), weights).status().message(),
            "tensor 'blk.1.attn_k.weight' has dimensions [64, 64], expected [32, 64] from the metadata. "
            "Convert the "
            "checkpoint again.");
}

TEST(Decoder, VocabularyOfTheMetadataMustAgree) {
  ModelConfig config = TinyConfig();
  config.vocabulary = 99;
  EXPECT_EQ(BuildGraph(config, TinyWeights()).status().message(),
            "tensor 'token_embd.weight' has 100 rows; expected 99 (vocab_size).");
  std::vector<WeightInfo> weights = TinyWeights();
  weights[0].rows = 1 << 23;
  EXPECT_EQ(BuildGraph(TinyConfig(), weights).status().message(),
            "tensor 'token_embd.weight' has 8388608 rows; expected 1 to 4194304.");
}

TEST(Decoder, TensorsThatItDoesNotKnowAreRefused) {
  std::vector<WeightInfo> weights = TinyWeights();
  weights.push_back({"blk.0.attn_q.bias", DType::kF32, 0, 64});
  EXPECT_EQ(BuildGraph(TinyConfig(), weights).status().message(),
            "tensor 'blk.0.attn_q.bias' is not part of the architecture as this build knows it; the model "
            "may need a "
            "feature that is not built yet.");
  weights.back().name = "output_norm.weight";
  EXPECT_EQ(BuildGraph(TinyConfig(), weights).status().message(),
            "the checkpoint has tensor 'output_norm.weight' twice.");
}

TEST(Decoder, TypesThatCannotBeComputedWithAreRefused) {
  std::vector<WeightInfo> weights = TinyWeights();
  Find(weights, "blk.0.attn_q.weight").dtype = DType::kI32;
  EXPECT_EQ(
      BuildGraph(TinyConfig(), weights).status().message(),
      "tensor 'blk.0.attn_q.weight' is of type i32 with rows of 64; this build cannot compute with it.");
  weights = TinyWeights();
  Find(weights, "blk.0.attn_norm.weight").dtype = DType::kQ8_0;
  EXPECT_EQ(BuildGraph(TinyConfig(), weights).status().message(),
            "tensor 'blk.0.attn_norm.weight' is of type q8_0; this build knows only f32, f16 and bf16 here.");
}

}  // namespace
}  // namespace vivace::models
