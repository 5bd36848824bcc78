// config.json and generation_config.json, groups C1 to C12.
#include "bad_file.h"

namespace vivace::bad_files {
namespace {

constexpr std::string_view kLlama = R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama",
  "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
  "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192, "rms_norm_eps": 1e-05,
  "rope_theta": 100000, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "bos_token_id": 1,
  "eos_token_id": [2, 3]})";

struct BadConfig {
  std::string id;
  std::string json;
  std::string text;
};

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

std::vector<BadConfig> BadConfigs() {
  return {
      BadConfig{"C1_Empty", "", "config.json is empty. Fetch the model again."},
      BadConfig{"C1_Null", "null",
                "config.json holds null where an object is needed. Fetch the model again."},
      BadConfig{"C1_Array", "[1]",
                "config.json holds a list where an object is needed. Fetch the model again."},
      BadConfig{"C1_Cut", "{\"hidden_size\": 5",
                "config.json is no JSON: incomplete JSON. Fetch the model again."},
      BadConfig{"C1_Deep", Deep(70), "config.json is no JSON: too deep. Fetch the model again."},
      BadConfig{"C1_Huge", std::string(std::size_t{17} << 20, ' '),
                "config.json: is 17825792 bytes long, the limit is 16777216"},
      Bad("C2_NoHeads", "num_attention_heads", "0",
          "num_attention_heads is 0; it must be a whole number from 1 to 1024."),
      Bad("C2_Uneven", "hidden_size", "577",
          "hidden_size is 577, which does not split into num_attention_heads is 9 heads of at "
          "most 512. Convert the checkpoint again."),
      Bad("C2_MoreKvHeads", "num_key_value_heads", "18",
          "num_key_value_heads is 18, which does not divide num_attention_heads is 9. Convert "
          "the checkpoint again."),
      Bad("C2_KvNotDividing", "num_key_value_heads", "4",
          "num_key_value_heads is 4, which does not divide num_attention_heads is 9. Convert "
          "the checkpoint again."),
      Bad("C3_Layers", "num_hidden_layers", "1000000000",
          "num_hidden_layers is 1000000000; it must be a whole number from 1 to 1024."),
      Bad("C3_Vocabulary", "vocab_size", "2147483648",
          "vocab_size is 2147483648; it must be a whole number from 1 to 4194304."),
      Bad("C3_Negative", "hidden_size", "-5",
          "hidden_size is -5; it must be a whole number from 1 to 262144."),
      Bad("C3_Float", "hidden_size", "1e3",
          "hidden_size is 1000 (a real number); it must be a whole number from 1 to 262144."),
      Bad("C3_String", "num_hidden_layers", "\"32\"",
          "num_hidden_layers is \"32\"; it must be a whole number from 1 to 1024."),
      Bad("C3_Missing", "intermediate_size", "null",
          "intermediate_size is null; it must be a whole number from 1 to 262144."),
      Bad("C4_Token", "bos_token_id", "49152",
          "bos_token_id is 49152; it must be a whole number from -1 to 49151."),
      Bad("C4_Tokens", "eos_token_id", "[2, 70000]",
          "eos_token_id is [2,70000]; each must be a whole number from -1 to 49151."),
      Bad("C5_Theta", "rope_theta", "0", "rope_theta is 0; it must be a number from 0.001 to 1000000000000."),
      Bad("C5_Negative", "rope_theta", "-1.5",
          "rope_theta is -1.5; it must be a number from 0.001 to 1000000000000."),
      BadConfig{"C5_Nan", With(kLlama, "rope_theta", "NaN"),
                "config.json is no JSON: syntax error. Fetch the model again."},
      Bad("C5_Unknown", "rope_scaling", R"({"rope_type": "spiral", "factor": 2})",
          "rope_scaling.rope_type is 'spiral'; this build knows 'default', 'linear', 'llama3' and 'yarn'."),
      Bad("C5_Factor", "rope_scaling", R"({"type": "linear", "factor": 0})",
          "rope_scaling.factor is 0; it must be a number from 0.001 to 1000000."),
      Bad("C5_NoFactor", "rope_scaling", R"({"type": "yarn"})",
          "rope_scaling.factor is missing; it must be a number from 0.001 to 1000000."),
      Bad("C5_Llama3", "rope_scaling",
          R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4})",
          "rope_scaling.high_freq_factor is 4; it must be more than low_freq_factor."),
      Bad("C5_List", "rope_scaling", "[8]", "rope_scaling is [8]; it must be an object."),
      Bad("C5_Partial", "partial_rotary_factor", "0.5",
          "partial_rotary_factor is 0.5; this build rotates whole heads only."),
      Bad("C6_Unknown", "architectures", R"(["MambaForCausalLM"])",
          std::string("architectures is 'MambaForCausalLM'") + kKnown),
      Bad("C6_Several", "architectures", R"(["LlamaForCausalLM", "OtherModel"])",
          "architectures is [\"LlamaForCausalLM\",\"OtherModel\"]; it must name one class."),
      Bad("C6_Numbers", "architectures", "[5]", "architectures is [5]; it must be a list of strings."),
      BadConfig{"C6_ModelType", R"({"model_type": "mamba"})",
                std::string("config.json: model_type is 'mamba'") + kKnown},
      BadConfig{"C6_Nothing", "{}", "config.json: model_type is missing; it must be a string."},
      Bad("C8_Type", "torch_dtype", "\"float7\"",
          "torch_dtype is 'float7'; this build knows 'float32', 'float16' and 'bfloat16'."),
      Bad("C9_Positions", "max_position_embeddings", "1099511627776",
          "max_position_embeddings is 1099511627776; it must be a whole number from 1 to 16777216."),
      Bad("C10_Quantised", "quantization_config", R"({"quant_method": "gptq", "bits": 4})",
          "quantization_config asks for method 'gptq'; this build reads folders of float32, float16 and "
          "bfloat16 tensors, and quantised models as GGUF."),
      BadConfig{"C11_HeadOf1", With(kLlama, "head_dim", "1"),
                "the head size (config.json: head_dim, or config.json: hidden_size / num_attention_heads) "
                "is 1; this build knows only multiples of 8."},
      Bad("C11_HeadOf4096", "head_dim", "4096", "head_dim is 4096; it must be a whole number from 1 to 512."),
      Bad("C8_Activation", "hidden_act", "\"relu\"",
          "hidden_act is 'relu'; this build knows 'silu' for llama."),
      Bad("C6_Experts", "num_local_experts", "8",
          "num_local_experts is 8; this build knows only models without experts.")};
}

BadFile Generation(const char* id, const char* json, const char* text) {
  return {id, "",
          [json](TestFolder& folder) {
            WriteTinyFolder(folder);
            folder.Write("m/generation_config.json", json);
          },
          text};
}

// A tiny model whose config has this key: it loads.
BadFile Harmless(const char* id, const char* key, const char* value) {
  return {id,
          "",
          [key, value](TestFolder& folder) { WriteTinyFolder(folder, With(kTinyConfig, key, value)); },
          "hell",
          Outcome::kLoads,
          "hell"};
}

}  // namespace

std::vector<BadFile> ConfigRows() {
  std::vector<BadFile> all;
  for (const BadConfig& row : BadConfigs()) {
    all.push_back({row.id, "", [row](TestFolder& folder) { WriteTinyFolder(folder, row.json); }, row.text});
  }
  all.push_back(Harmless("C7_AutoMap", "auto_map", R"({"AutoModel": "evil.Model"})"));
  all.push_back(Harmless("C7_TrustRemoteCode", "trust_remote_code", "true"));
  all.push_back(Harmless("C9_ContextOf16MiTokens", "max_position_embeddings", "16777216"));
  all.push_back(Generation("C12_TemperatureNegative", R"({"temperature": -1})", "temperature is -1"));
  all.push_back(Generation("C12_TemperatureText", R"({"temperature": "hot"})", "temperature is \"hot\""));
  all.push_back(Generation("C12_TopPOver1", R"({"top_p": 1.5})", "top_p is 1.5"));
  all.push_back(Generation("C12_TopKNegative", R"({"top_k": -3})", "top_k is -3"));
  all.push_back(
      Generation("C12_EndTokensText", R"({"eos_token_id": [1, "x"]})", "eos_token_id is [1,\"x\"]"));
  all.push_back(Generation("C12_PenaltyZero", R"({"repetition_penalty": 0})", "repetition_penalty is 0"));
  all.push_back(Generation("C12_List", "[]", "holds a list"));
  all.push_back(Generation("C12_Cut", R"({"temperature": 0.)", "no JSON"));
  return all;
}

}  // namespace vivace::bad_files
