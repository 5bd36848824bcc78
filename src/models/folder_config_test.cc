#include <gtest/gtest.h>

#include <cmath>

#include "models/model_config.h"

namespace vivace::models {
namespace {

constexpr std::string_view kLlama = R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama",
  "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
  "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192, "rms_norm_eps": 1e-05,
  "rope_theta": 100000, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "bos_token_id": 1,
  "eos_token_id": [2, 3]})";

/// The text with `"key": <anything>` replaced or added.
std::string With(std::string_view text, const std::string& key, const std::string& value) {
  std::string out(text);
  const std::string quoted = "\"" + key + "\": ";
  const std::size_t at = out.find(quoted);
  if (at == std::string::npos) return out.substr(0, out.rfind('}')) + ", " + quoted + value + "}";
  const std::size_t start = at + quoted.size();
  std::size_t end = start;
  for (int depth = 0; depth > 0 || (out[end] != ',' && out[end] != '}'); ++end) {
    depth += (out[end] == '[' || out[end] == '{') - (out[end] == ']' || out[end] == '}');
  }
  return out.replace(start, end - start, value);
}

ModelConfig Read(const std::string& text) {
  const Result<ModelConfig> config = ReadConfigJson(text);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? *config : ModelConfig();
}

std::string Gemma() {
  return R"({"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "hidden_size": 640,
    "intermediate_size": 2048, "num_hidden_layers": 7, "num_attention_heads": 4, "num_key_value_heads": 1,
    "head_dim": 256, "vocab_size": 262144, "max_position_embeddings": 32768, "rope_theta": 1000000.0,
    "rope_local_base_freq": 10000.0, "query_pre_attn_scalar": 256, "sliding_window": 512,
    "hidden_activation": "gelu_pytorch_tanh"})";
}

TEST(FolderConfig, ReadsALlama) {
  const ModelConfig c = Read(std::string(kLlama));
  EXPECT_EQ(c.architecture, "llama");
  EXPECT_EQ(c.source, Source::kFolder);
  EXPECT_EQ(c.layers, 30);
  EXPECT_EQ(c.head_dim, 64);
  EXPECT_EQ(c.attention_scale, 0.125f);
  EXPECT_EQ(c.rope, (RopeFacts{100000.0f, 1, {}}));
  EXPECT_FALSE(c.interleaved_rope);
  EXPECT_EQ(c.tied, true);
  EXPECT_EQ(c.begin_tokens, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(c.end_tokens, (std::vector<std::int32_t>{2, 3}));
  EXPECT_FALSE(c.qkv_bias || c.output_bias || c.ffn_bias || c.qk_norm || c.post_norms);
}

TEST(FolderConfig, ReadsAGemma) {
  const ModelConfig c = Read(Gemma());
  EXPECT_EQ(c.architecture, "gemma3");
  EXPECT_TRUE(c.qk_norm && c.post_norms);
  EXPECT_EQ(c.norm_offset, 1.0f);
  EXPECT_EQ(c.embedding_scale, std::sqrt(640.0f));
  EXPECT_EQ(c.attention_scale, 0.0625f);
  EXPECT_EQ(c.activation, Activation::kGeluTanh);
  EXPECT_EQ(c.window, 512);
  EXPECT_EQ(c.rope.theta, 1e6f);
  EXPECT_EQ(c.local_rope.theta, 1e4f);
  EXPECT_EQ(c.tied, true);
  for (int layer = 0; layer < 7; ++layer) EXPECT_EQ(c.IsWindowed(layer), layer != 5) << layer;
}

TEST(FolderConfig, ReadsTheTextPartOfAMultimodalGemmaWithItsDefaults) {
  const ModelConfig c = Read(
      R"({"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "vision_config": {},
      "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
      "model_type": "gemma3_text", "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
      "sliding_window": 1024}})");
  EXPECT_EQ(c.heads, 8);
  EXPECT_EQ(c.kv_heads, 4);
  EXPECT_EQ(c.head_dim, 256);
  EXPECT_EQ(c.vocabulary, 262208);
  EXPECT_EQ(c.rope.factors, std::vector<float>(128, 8.0f));
  EXPECT_TRUE(c.local_rope.factors.empty());
  ASSERT_EQ(c.notes.size(), 1u);
}

TEST(FolderConfig, WindowsFollowTheRuleOfEachClass) {
  std::string mistral = With(kLlama, "architectures", R"(["MistralForCausalLM"])");
  EXPECT_TRUE(Read(mistral).IsWindowed(29));
  EXPECT_EQ(Read(mistral).window, 4096);
  EXPECT_EQ(Read(With(mistral, "sliding_window", "null")).window, 0);
  EXPECT_EQ(Read(With(mistral, "sliding_window", "7")).window, 7);

  std::string qwen = With(kLlama, "architectures", R"(["Qwen2ForCausalLM"])");
  EXPECT_TRUE(Read(qwen).qkv_bias);
  EXPECT_FALSE(Read(qwen).output_bias);
  qwen = With(With(qwen, "sliding_window", "64"), "max_window_layers", "10");
  EXPECT_EQ(Read(qwen).window, 0);
  const ModelConfig used = Read(With(qwen, "use_sliding_window", "true"));
  EXPECT_FALSE(used.IsWindowed(9));
  EXPECT_TRUE(used.IsWindowed(10));

  const ModelConfig listed = Read(With(
      With(Gemma(), "layer_types",
           R"(["full_attention", "sliding_attention", "full_attention", "full_attention", "full_attention",
           "full_attention", "full_attention"])"),
      "sliding_window_pattern", "2"));
  EXPECT_FALSE(listed.IsWindowed(0));
  EXPECT_TRUE(listed.IsWindowed(1));
  EXPECT_FALSE(listed.IsWindowed(2));
  EXPECT_TRUE(Read(With(Gemma(), "sliding_window_pattern", "2")).IsWindowed(6));
}

TEST(FolderConfig, RotaryKeysInAllSpellings) {
  const auto rope = [](const std::string& key, const std::string& value) {
    return Read(With(kLlama, key, value)).rope;
  };
  EXPECT_EQ(rope("rope_scaling", R"({"type": "linear", "factor": 4})").factors, std::vector<float>(32, 4.0f));
  EXPECT_EQ(rope("rope_scaling", R"({"rope_type": "default"})"), (RopeFacts{1e5f, 1, {}}));
  EXPECT_EQ(rope("rope_scaling", "null"), (RopeFacts{1e5f, 1, {}}));
  EXPECT_EQ(rope("rope_parameters", R"({"rope_theta": 5e5, "rope_type": "default"})").theta, 5e5f);
  EXPECT_EQ(rope("rope_parameters", R"({"full_attention": {"rope_theta": 7e5}})").theta, 7e5f);
  const RopeFacts llama3 = rope("rope_scaling",
                                R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                                "high_freq_factor": 4, "original_max_position_embeddings": 1024})");
  EXPECT_EQ(llama3.factors.front(), 1.0f);
  EXPECT_EQ(llama3.factors.back(), 8.0f);
  const RopeFacts yarn = rope("rope_scaling", R"({"rope_type": "yarn", "factor": 4})");
  EXPECT_EQ(yarn.factors.front(), 1.0f);
  EXPECT_FLOAT_EQ(yarn.factors.back(), 4.0f);
  EXPECT_FLOAT_EQ(yarn.attention_factor, 1.1386294f);

  const ModelConfig gemma =
      Read(With(Gemma(), "rope_parameters",
                R"({"full_attention": {"rope_theta": 3e6, "rope_type": "linear", "factor": 2},
                "sliding_attention": {"rope_theta": 2e4, "rope_type": "default"}})"));
  EXPECT_EQ(gemma.rope.theta, 3e6f);
  EXPECT_EQ(gemma.local_rope, (RopeFacts{2e4f, 1, {}}));
}

TEST(FolderConfig, CodeOfAModelIsIgnoredAndSaidSo) {
  const ModelConfig c = Read(With(kLlama, "auto_map", R"({"AutoModel": "evil.Model"})"));
  ASSERT_EQ(c.notes.size(), 1u);
  EXPECT_EQ(c.notes[0], "config.json: auto_map is ignored: code that comes with a model is never run");
}

TEST(FolderConfig, ListOfLayersMustBeWhole) {
  EXPECT_EQ(ReadConfigJson(With(Gemma(), "layer_types", R"(["full_attention"])")).status().message(),
            "config.json: layer_types has 1 entries; num_hidden_layers is 7.");
}

}  // namespace
}  // namespace vivace::models
