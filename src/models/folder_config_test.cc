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

struct BadConfig {
  std::string name;  // the group of bad inputs, and which of it
  std::string text;
  std::string message;
};
void PrintTo(const BadConfig& bad, std::ostream* out) {
  *out << bad.name;
}

class FolderConfigErrors : public testing::TestWithParam<BadConfig> {};

TEST_P(FolderConfigErrors, NameTheKeyTheValueAndWhatIsRight) {
  const Result<ModelConfig> config = ReadConfigJson(GetParam().text);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message(), GetParam().message);
}

std::string Deep(int depth) {
  return "{\"a\": " + std::string(static_cast<std::size_t>(depth), '[') +
         std::string(static_cast<std::size_t>(depth), ']') + "}";
}

BadConfig Bad(std::string name, const char* key, const char* value, std::string message) {
  return {std::move(name), With(kLlama, key, value), "config.json: " + std::move(message)};
}

constexpr const char* kKnown =
    "; this build knows 'LlamaForCausalLM', 'MistralForCausalLM', 'Qwen2ForCausalLM', 'Qwen3ForCausalLM', "
    "'Gemma3ForCausalLM'. If you need it, say so in Vivace's issue tracker, with a link to the model.";

INSTANTIATE_TEST_SUITE_P(
    All, FolderConfigErrors,
    testing::Values(
        BadConfig{"C1Empty", "", "config.json is empty. Fetch the model again."},
        BadConfig{"C1Null", "null",
                  "config.json holds null where an object is needed. Fetch the model again."},
        BadConfig{"C1Array", "[1]",
                  "config.json holds a list where an object is needed. Fetch the model again."},
        BadConfig{"C1Cut", "{\"hidden_size\": 5",
                  "config.json is no JSON: incomplete JSON. Fetch the model again."},
        BadConfig{"C1Deep", Deep(70), "config.json is no JSON: too deep. Fetch the model again."},
        BadConfig{"C1Huge", std::string(std::size_t{17} << 20, ' '),
                  "config.json has 17825792 bytes; at most 16777216 are read. Fetch the model again."},
        Bad("C2NoHeads", "num_attention_heads", "0",
            "num_attention_heads is 0; it must be a whole number from 1 to 1024."),
        Bad("C2Uneven", "hidden_size", "577",
            "hidden_size is 577, which does not split into num_attention_heads is 9 heads of at "
            "most 512. Convert the checkpoint again."),
        Bad("C2MoreKvHeads", "num_key_value_heads", "18",
            "num_key_value_heads is 18, which does not divide num_attention_heads is 9. Convert "
            "the checkpoint again."),
        Bad("C2KvNotDividing", "num_key_value_heads", "4",
            "num_key_value_heads is 4, which does not divide num_attention_heads is 9. Convert "
            "the checkpoint again."),
        Bad("C3Layers", "num_hidden_layers", "1000000000",
            "num_hidden_layers is 1000000000; it must be a whole number from 1 to 1024."),
        Bad("C3Vocabulary", "vocab_size", "2147483648",
            "vocab_size is 2147483648; it must be a whole number from 1 to 4194304."),
        Bad("C3Negative", "hidden_size", "-5",
            "hidden_size is -5; it must be a whole number from 1 to 262144."),
        Bad("C3Float", "hidden_size", "1e3",
            "hidden_size is 1000 (a real number); it must be a whole number from 1 to 262144."),
        Bad("C3String", "num_hidden_layers", "\"32\"",
            "num_hidden_layers is \"32\"; it must be a whole number from 1 to 1024."),
        Bad("C3Missing", "intermediate_size", "null",
            "intermediate_size is null; it must be a whole number from 1 to 262144."),
        Bad("C4Token", "bos_token_id", "49152",
            "bos_token_id is 49152; it must be a whole number from -1 to 49151."),
        Bad("C4Tokens", "eos_token_id", "[2, 70000]",
            "eos_token_id is [2,70000]; each must be a whole number from -1 to 49151."),
        Bad("C5Theta", "rope_theta", "0",
            "rope_theta is 0; it must be a number from 0.001 to 1000000000000."),
        Bad("C5Negative", "rope_theta", "-1.5",
            "rope_theta is -1.5; it must be a number from 0.001 to 1000000000000."),
        BadConfig{"C5Nan", With(kLlama, "rope_theta", "NaN"),
                  "config.json is no JSON: syntax error. Fetch the model again."},
        Bad("C5Unknown", "rope_scaling", R"({"rope_type": "spiral", "factor": 2})",
            "rope_scaling.rope_type is 'spiral'; this build knows 'default', 'linear', 'llama3' and 'yarn'."),
        Bad("C5Factor", "rope_scaling", R"({"type": "linear", "factor": 0})",
            "rope_scaling.factor is 0; it must be a number from 0.001 to 1000000."),
        Bad("C5NoFactor", "rope_scaling", R"({"type": "yarn"})",
            "rope_scaling.factor is missing; it must be a number from 0.001 to 1000000."),
        Bad("C5Llama3", "rope_scaling",
            R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4})",
            "rope_scaling.high_freq_factor is 4; it must be more than low_freq_factor."),
        Bad("C5List", "rope_scaling", "[8]", "rope_scaling is [8]; it must be an object."),
        Bad("C5Partial", "partial_rotary_factor", "0.5",
            "partial_rotary_factor is 0.5; this build rotates whole heads only."),
        Bad("C6Unknown", "architectures", R"(["MambaForCausalLM"])",
            std::string("architectures is 'MambaForCausalLM'") + kKnown),
        Bad("C6Several", "architectures", R"(["LlamaForCausalLM", "OtherModel"])",
            "architectures is [\"LlamaForCausalLM\",\"OtherModel\"]; it must name one class."),
        Bad("C6Numbers", "architectures", "[5]", "architectures is [5]; it must be a list of strings."),
        BadConfig{"C6ModelType", R"({"model_type": "mamba"})",
                  std::string("config.json: model_type is 'mamba'") + kKnown},
        BadConfig{"C6Nothing", "{}", "config.json: model_type is missing; it must be a string."},
        Bad("C8Type", "torch_dtype", "\"float7\"",
            "torch_dtype is 'float7'; this build knows 'float32', 'float16' and 'bfloat16'."),
        Bad("C9Positions", "max_position_embeddings", "1099511627776",
            "max_position_embeddings is 1099511627776; it must be a whole number from 1 to 16777216."),
        Bad("C10Quantised", "quantization_config", R"({"quant_method": "gptq", "bits": 4})",
            "quantization_config asks for method 'gptq'; this build reads folders of float32, float16 and "
            "bfloat16 tensors, and quantised models as GGUF."),
        BadConfig{"C11HeadOf1", With(kLlama, "head_dim", "1"),
                  "the head size (config.json: head_dim, or config.json: hidden_size / num_attention_heads) "
                  "is 1; this build knows only multiples of 8."},
        Bad("C11HeadOf4096", "head_dim", "4096",
            "head_dim is 4096; it must be a whole number from 1 to 512."),
        Bad("Activation", "hidden_act", "\"relu\"",
            "hidden_act is 'relu'; this build knows 'silu' for llama."),
        Bad("Experts", "num_local_experts", "8",
            "num_local_experts is 8; this build knows only models without experts.")),
    [](const auto& parameter) { return parameter.param.name; });

TEST(FolderConfig, ListOfLayersMustBeWhole) {
  EXPECT_EQ(ReadConfigJson(With(Gemma(), "layer_types", R"(["full_attention"])")).status().message(),
            "config.json: layer_types has 1 entries; num_hidden_layers is 7.");
}

}  // namespace
}  // namespace vivace::models
