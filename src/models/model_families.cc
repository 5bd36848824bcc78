#include "models/model_families.h"

#include "base/status_macros.h"
#include "models/decoder.h"

namespace vivace::models {
namespace {

constexpr Activation kSilu = Activation::kSilu, kGelu = Activation::kGeluTanh;
constexpr ConfigDefaults kGemma3Defaults = {.hidden = 2304,
                                            .layers = 26,
                                            .heads = 8,
                                            .kv_heads = 4,
                                            .head_dim = 256,
                                            .ffn = 9216,
                                            .vocabulary = 262208,
                                            .max_positions = 131072,
                                            .window = 4096,
                                            .rope_theta = 1e6f,
                                            .tied = true};

// One row a family: names, then activation, qkv_bias, qk_norm, post_norms, norm_offset, scaled_embedding,
// gguf_interleaved, window rule, defaults, builder.
constexpr ModelFamily kFamilies[] = {
    {"llama",
     "Llama 2 and 3, SmolLM2, TinyLlama and others of the same shape",
     "LlamaForCausalLM",
     "llama",
     kSilu,
     false,
     false,
     false,
     0,
     false,
     true,
     WindowRule::kNever,
     {},
     BuildDecoder},
    {"mistral",
     "Mistral 7B and others of the same shape",
     "MistralForCausalLM",
     "mistral",
     kSilu,
     false,
     false,
     false,
     0,
     false,
     true,
     WindowRule::kAll,
     {.kv_heads = 8, .window = 4096},
     BuildDecoder},
    {"qwen2",
     "Qwen2, Qwen2.5 and models made from them",
     "Qwen2ForCausalLM",
     "qwen2",
     kSilu,
     true,
     false,
     false,
     0,
     false,
     false,
     WindowRule::kUpperHalf,
     {.kv_heads = 32, .window = 4096},
     BuildDecoder},
    {"qwen3",
     "Qwen3 (dense)",
     "Qwen3ForCausalLM",
     "qwen3",
     kSilu,
     false,
     true,
     false,
     0,
     false,
     false,
     WindowRule::kUpperHalf,
     {.kv_heads = 32, .head_dim = 128, .window = 4096},
     BuildDecoder},
    {"gemma3", "Gemma 3 (text)", "Gemma3ForCausalLM", "gemma3_text", kGelu, false, true, true, 1, true, false,
     WindowRule::kAllButNth, kGemma3Defaults, BuildDecoder},
};

Status Unknown(const std::string& what, std::string_view name, bool classes) {
  std::string known;
  for (const ModelFamily& family : kFamilies) {
    known +=
        (known.empty() ? "'" : ", '") + std::string(classes ? family.class_name : family.architecture) + "'";
  }
  return Unsupported(what + " is '" + std::string(name.substr(0, 64)) + "'; this build knows " + known +
                     ". If you need it, say so in Vivace's issue tracker, with a link to the model.");
}

}  // namespace

std::span<const ModelFamily> ModelFamilies() {
  return kFamilies;
}

Result<const ModelFamily*> FindFamily(std::string_view architecture) {
  for (const ModelFamily& family : kFamilies) {
    if (family.architecture == architecture) return &family;
  }
  return Unknown("general.architecture", architecture, false);
}

Result<const ModelFamily*> FindFolderFamily(std::string_view class_name, std::string_view model_type) {
  for (const ModelFamily& family : kFamilies) {
    if (class_name.empty() ? family.model_type == model_type : family.class_name == class_name)
      return &family;
  }
  if (class_name.empty()) return Unknown("config.json: model_type", model_type, true);
  return Unknown("config.json: architectures", class_name, true);
}

Result<graph::Graph> BuildGraph(const ModelConfig& config, std::span<const WeightInfo> weights) {
  VIVACE_ASSIGN_OR_RETURN(const ModelFamily* family, FindFamily(config.architecture));
  return family->build(config, weights);
}

}  // namespace vivace::models
