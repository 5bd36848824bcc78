#include "models/known_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

namespace vivace::models {
namespace {

// One row a model: the class of its config.json and the values that differ from model to model.
struct Shape {
  std::string_view name, class_name;
  int hidden, ffn, layers, heads, kv_heads, head_dim, vocabulary, positions;
  double theta, eps;
  bool tied;
  int bos, eos;
  std::string_view more;  // further keys, each with a comma before it
};

constexpr std::string_view kLlama = "LlamaForCausalLM", kMistral = "MistralForCausalLM",
                           kQwen2 = "Qwen2ForCausalLM", kQwen3 = "Qwen3ForCausalLM",
                           kGemma3 = "Gemma3ForCausalLM";
constexpr std::string_view kRope8 =
    R"(,"rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,)"
    R"("original_max_position_embeddings":8192})";
constexpr std::string_view kRope32 =
    R"(,"rope_scaling":{"rope_type":"llama3","factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,)"
    R"("original_max_position_embeddings":8192})";
constexpr std::string_view kGemma512 =
    R"(,"sliding_window":512,"sliding_window_pattern":6,"rope_local_base_freq":10000.0,)"
    R"("query_pre_attn_scalar":256,"hidden_activation":"gelu_pytorch_tanh")";
constexpr std::string_view kGemma1024 =
    R"(,"sliding_window":1024,"sliding_window_pattern":6,"rope_local_base_freq":10000.0,)"
    R"("query_pre_attn_scalar":256,"hidden_activation":"gelu_pytorch_tanh",)"
    R"("rope_scaling":{"rope_type":"linear","factor":8.0})";

// clang-format off: a table
//   name            class     hidden   ffn  layers heads kv head_dim vocabulary positions theta   eps  tied
//   bos     eos
constexpr Shape kShapes[] = {
    {"gemma-3-270m", kGemma3, 640, 2048, 18, 4, 1, 256, 262144, 32768, 1e6, 1e-6, true, 2, 1, kGemma512},
    {"gemma-3-1b", kGemma3, 1152, 6912, 26, 4, 1, 256, 262144, 32768, 1e6, 1e-6, true, 2, 1, kGemma512},
    {"gemma-3-4b", kGemma3, 2560, 10240, 34, 8, 4, 256, 262208, 131072, 1e6, 1e-6, true, 2, 1, kGemma1024},
    {"gemma-3-12b", kGemma3, 3840, 15360, 48, 16, 8, 256, 262208, 131072, 1e6, 1e-6, true, 2, 1, kGemma1024},
    {"llama-2-7b", kLlama, 4096, 11008, 32, 32, 32, 128, 32000, 4096, 1e4, 1e-5, false, 1, 2, ""},
    {"llama-2-13b", kLlama, 5120, 13824, 40, 40, 40, 128, 32000, 4096, 1e4, 1e-5, false, 1, 2, ""},
    {"llama-3-8b", kLlama, 4096, 14336, 32, 32, 8, 128, 128256, 8192, 5e5, 1e-5, false, 128000, 128001, ""},
    {"llama-3-70b", kLlama, 8192, 28672, 80, 64, 8, 128, 128256, 8192, 5e5, 1e-5, false, 128000, 128001, ""},
    {"llama-3.1-8b", kLlama, 4096, 14336, 32, 32, 8, 128, 128256, 131072, 5e5, 1e-5, false, 128000, 128001,
     kRope8},
    {"llama-3.1-70b", kLlama, 8192, 28672, 80, 64, 8, 128, 128256, 131072, 5e5, 1e-5, false, 128000, 128001,
     kRope8},
    {"llama-3.2-1b", kLlama, 2048, 8192, 16, 32, 8, 64, 128256, 131072, 5e5, 1e-5, true, 128000, 128001,
     kRope32},
    {"llama-3.2-3b", kLlama, 3072, 8192, 28, 24, 8, 128, 128256, 131072, 5e5, 1e-5, true, 128000, 128001,
     kRope32},
    {"mistral-7b", kMistral, 4096, 14336, 32, 32, 8, 128, 32000, 32768, 1e4, 1e-5, false, 1, 2,
     R"(,"sliding_window":4096)"},
    {"mistral-7b-v0.3", kMistral, 4096, 14336, 32, 32, 8, 128, 32768, 32768, 1e6, 1e-5, false, 1, 2,
     R"(,"sliding_window":null)"},
    {"qwen2.5-0.5b", kQwen2, 896, 4864, 24, 14, 2, 64, 151936, 32768, 1e6, 1e-6, true, 151643, 151643, ""},
    {"qwen2.5-1.5b", kQwen2, 1536, 8960, 28, 12, 2, 128, 151936, 32768, 1e6, 1e-6, true, 151643, 151643, ""},
    {"qwen2.5-3b", kQwen2, 2048, 11008, 36, 16, 2, 128, 151936, 32768, 1e6, 1e-6, true, 151643, 151643, ""},
    {"qwen2.5-7b", kQwen2, 3584, 18944, 28, 28, 4, 128, 152064, 32768, 1e6, 1e-6, false, 151643, 151643, ""},
    {"qwen2.5-14b", kQwen2, 5120, 13824, 48, 40, 8, 128, 152064, 32768, 1e6, 1e-6, false, 151643, 151643, ""},
    {"qwen2.5-32b", kQwen2, 5120, 27648, 64, 40, 8, 128, 152064, 32768, 1e6, 1e-6, false, 151643, 151643, ""},
    {"qwen3-0.6b", kQwen3, 1024, 3072, 28, 16, 8, 128, 151936, 40960, 1e6, 1e-6, true, 151643, 151645, ""},
    {"qwen3-1.7b", kQwen3, 2048, 6144, 28, 16, 8, 128, 151936, 40960, 1e6, 1e-6, true, 151643, 151645, ""},
    {"qwen3-4b", kQwen3, 2560, 9728, 36, 32, 8, 128, 151936, 40960, 1e6, 1e-6, true, 151643, 151645, ""},
    {"qwen3-8b", kQwen3, 4096, 12288, 36, 32, 8, 128, 151936, 40960, 1e6, 1e-6, false, 151643, 151645, ""},
    {"qwen3-14b", kQwen3, 5120, 17408, 40, 40, 8, 128, 151936, 40960, 1e6, 1e-6, false, 151643, 151645, ""},
    {"qwen3-32b", kQwen3, 5120, 25600, 64, 64, 8, 128, 151936, 40960, 1e6, 1e-6, false, 151643, 151645, ""},
    {"smollm2-1.7b", kLlama, 2048, 8192, 24, 32, 32, 64, 49152, 8192, 1.3e5, 1e-5, true, 1, 2, ""},
    {"smollm2-135m", kLlama, 576, 1536, 30, 9, 3, 64, 49152, 8192, 1e5, 1e-5, true, 1, 2, ""},
    {"smollm2-360m", kLlama, 960, 2560, 32, 15, 5, 64, 49152, 8192, 1e5, 1e-5, true, 1, 2, ""},
    {"tinyllama-1.1b", kLlama, 2048, 5632, 22, 32, 4, 64, 32000, 2048, 1e4, 1e-5, false, 1, 2, ""},
};
// clang-format on

// A model's name on a hub, in lower case and without the organisation, where it is not that of the shape
// itself nor that with an ending of kTunedEndings.
struct HubName {
  std::string_view name, shape;
};

constexpr HubName kHubNames[] = {
    {"llama-2-7b-hf", "llama-2-7b"},
    {"llama-2-7b-chat-hf", "llama-2-7b"},
    {"llama-2-13b-hf", "llama-2-13b"},
    {"llama-2-13b-chat-hf", "llama-2-13b"},
    {"meta-llama-3-8b", "llama-3-8b"},
    {"meta-llama-3-70b", "llama-3-70b"},
    {"meta-llama-3.1-8b", "llama-3.1-8b"},
    {"meta-llama-3.1-70b", "llama-3.1-70b"},
    {"mistral-7b-v0.1", "mistral-7b"},
    {"mistral-7b-instruct-v0.1", "mistral-7b"},
    {"mistral-7b-instruct-v0.3", "mistral-7b-v0.3"},
    {"tinyllama-1.1b-chat-v1.0", "tinyllama-1.1b"},
};
// Models that were trained on from a base model have its shape.
constexpr std::string_view kTunedEndings[] = {"-instruct", "-it", "-pt", "-base"};
constexpr std::string_view kFp8Ending = "-fp8";
constexpr std::string_view kFp8 =
    R"(,"quantization_config":{"quant_method":"compressed-tensors","format":"float-quantized"})";

bool RemoveEnding(std::string_view ending, std::string& name) {
  if (!name.ends_with(ending)) return false;
  name.resize(name.size() - ending.size());
  return true;
}

const Shape* FindShape(std::string_view name) {
  for (const HubName& hub : kHubNames) {
    if (hub.name == name) name = hub.shape;
  }
  const auto* const found = std::find_if(std::begin(kShapes), std::end(kShapes),
                                         [&](const Shape& shape) { return shape.name == name; });
  return found == std::end(kShapes) ? nullptr : found;
}

/// In lower case, without the organisation. A path in the file system stays one, and is no name.
std::string ModelName(std::string_view typed) {
  const std::size_t slash = typed.find('/');
  if (slash != std::string_view::npos && slash > 0 && typed[0] != '.') typed.remove_prefix(slash + 1);
  std::string name(typed);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

}  // namespace

std::optional<std::string> KnownShapeConfig(std::string_view typed) {
  std::string name = ModelName(typed);
  const bool fp8 = RemoveEnding(kFp8Ending, name);
  const Shape* shape = FindShape(name);
  for (const std::string_view ending : kTunedEndings) {
    if (shape == nullptr && RemoveEnding(ending, name)) shape = FindShape(name);
  }
  if (shape == nullptr) return std::nullopt;
  const Shape& s = *shape;
  return fmt::format(
      R"({{"architectures":["{}"],"hidden_size":{},"intermediate_size":{},"num_hidden_layers":{},)"
      R"("num_attention_heads":{},"num_key_value_heads":{},"head_dim":{},"vocab_size":{},)"
      R"("max_position_embeddings":{},"rope_theta":{},"rms_norm_eps":{},"tie_word_embeddings":{},)"
      R"("bos_token_id":{},"eos_token_id":{}{}{}}})",
      s.class_name, s.hidden, s.ffn, s.layers, s.heads, s.kv_heads, s.head_dim, s.vocabulary, s.positions,
      s.theta, s.eps, s.tied, s.bos, s.eos, s.more, fp8 ? kFp8 : "");
}

std::string KnownShapeNames() {
  std::vector<std::string_view> names;
  for (const Shape& shape : kShapes) names.push_back(shape.name);
  std::sort(names.begin(), names.end());
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace vivace::models
