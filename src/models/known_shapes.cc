#include "models/known_shapes.h"

#include <fmt/format.h>

#include <algorithm>
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
    {"gemma-3-1b", kGemma3, 1152, 6912, 26, 4, 1, 256, 262144, 32768, 1e6, 1e-6, true, 2, 1, kGemma512},
    {"gemma-3-4b", kGemma3, 2560, 10240, 34, 8, 4, 256, 262208, 131072, 1e6, 1e-6, true, 2, 1, kGemma1024},
    {"llama-2-7b", kLlama, 4096, 11008, 32, 32, 32, 128, 32000, 4096, 1e4, 1e-5, false, 1, 2, ""},
    {"llama-3-8b", kLlama, 4096, 14336, 32, 32, 8, 128, 128256, 8192, 5e5, 1e-5, false, 128000, 128001, ""},
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
    {"qwen2.5-0.5b", kQwen2, 896, 4864, 24, 14, 2, 64, 151936, 32768, 1e6, 1e-6, true, 151643, 151643, ""},
    {"qwen2.5-1.5b", kQwen2, 1536, 8960, 28, 12, 2, 128, 151936, 32768, 1e6, 1e-6, true, 151643, 151643, ""},
    {"qwen2.5-7b", kQwen2, 3584, 18944, 28, 28, 4, 128, 152064, 32768, 1e6, 1e-6, false, 151643, 151643, ""},
    {"qwen3-0.6b", kQwen3, 1024, 3072, 28, 16, 8, 128, 151936, 40960, 1e6, 1e-6, true, 151643, 151645, ""},
    {"qwen3-1.7b", kQwen3, 2048, 6144, 28, 16, 8, 128, 151936, 40960, 1e6, 1e-6, true, 151643, 151645, ""},
    {"qwen3-8b", kQwen3, 4096, 12288, 36, 32, 8, 128, 151936, 40960, 1e6, 1e-6, false, 151643, 151645, ""},
    {"smollm2-1.7b", kLlama, 2048, 8192, 24, 32, 32, 64, 49152, 8192, 1.3e5, 1e-5, true, 1, 2, ""},
    {"smollm2-135m", kLlama, 576, 1536, 30, 9, 3, 64, 49152, 8192, 1e5, 1e-5, true, 1, 2, ""},
    {"smollm2-360m", kLlama, 960, 2560, 32, 15, 5, 64, 49152, 8192, 1e5, 1e-5, true, 1, 2, ""},
    {"tinyllama-1.1b", kLlama, 2048, 5632, 22, 32, 4, 64, 32000, 2048, 1e4, 1e-5, false, 1, 2, ""},
};
// clang-format on

}  // namespace

std::optional<std::string> KnownShapeConfig(std::string_view name) {
  for (const Shape& s : kShapes) {
    if (s.name != name) continue;
    return fmt::format(
        R"({{"architectures":["{}"],"hidden_size":{},"intermediate_size":{},"num_hidden_layers":{},)"
        R"("num_attention_heads":{},"num_key_value_heads":{},"head_dim":{},"vocab_size":{},)"
        R"("max_position_embeddings":{},"rope_theta":{},"rms_norm_eps":{},"tie_word_embeddings":{},)"
        R"("bos_token_id":{},"eos_token_id":{}{}}})",
        s.class_name, s.hidden, s.ffn, s.layers, s.heads, s.kv_heads, s.head_dim, s.vocabulary, s.positions,
        s.theta, s.eps, s.tied, s.bos, s.eos, s.more);
  }
  return std::nullopt;
}

std::string KnownShapeNames() {
  std::vector<std::string_view> names;
  for (const Shape& shape : kShapes) names.push_back(shape.name);
  std::sort(names.begin(), names.end());
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace vivace::models
