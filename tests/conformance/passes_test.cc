// Fusions on models of every family with heads that tiles take, random weights of every kind: each pass that
// moves no rounding point may be switched off, alone or with all others, and no bit changes; with float32
// activations the compiled levels are as good as -O0.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "compiler/pass_list.h"
#include "family_model.h"
#include "models/dummy_checkpoint.h"

namespace vivace::conformance {
namespace {

using compiler::ActivationDType;
using compiler::CompileOptions;
using tensor::DType;

constexpr const char* kLlama =
    R"("architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
  "rope_theta": 10000.0, "tie_word_embeddings": true)";
constexpr const char* kBiased =
    R"("architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
  "rope_theta": 10000.0, "attention_bias": true, "mlp_bias": true, "tie_word_embeddings": false)";
constexpr const char* kQwen2 =
    R"("architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu",
  "rope_theta": 10000.0, "tie_word_embeddings": false)";
constexpr const char* kQwen3 =
    R"("architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_act": "silu",
  "rope_theta": 10000.0, "tie_word_embeddings": true)";
constexpr const char* kGemma3 = R"("architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text",
  "hidden_activation": "gelu_pytorch_tanh", "rope_theta": 10000.0, "rope_local_base_freq": 1000.0,
  "query_pre_attn_scalar": 32, "sliding_window": 9, "layer_types": ["sliding_attention", "full_attention"],
  "attn_logit_softcapping": 5.0, "final_logit_softcapping": 6.0)";

struct Shape {
  int hidden, ffn, heads, kv_heads, head_dim;
};
constexpr Shape kUneven{96, 160, 3, 1, 32};
constexpr Shape kBlocks{256, 256, 4, 2, 64};
constexpr Shape kPadded{80, 72, 2, 1, 32};

struct Model {
  const char *name, *family;
  Shape shape;
  DType type;
  ActivationDType activation = ActivationDType::kAuto;
  const char* part = nullptr;  // tensors whose names have this are of `part_type`
  DType part_type = DType::kF32;
};
void PrintTo(const Model& model, std::ostream* out) {
  *out << model.name;
}

std::unique_ptr<checkpoint::Checkpoint> MakeOfType(const Model& model, DType type) {
  const auto folder =
      std::filesystem::path(testing::TempDir()) / ("vivace_passes_" + std::string(model.name));
  std::filesystem::create_directories(folder);
  const auto field = [](const char* name, int value) {
    return std::string("  \"") + name + "\": " + std::to_string(value) + ",\n";
  };
  std::ofstream(folder / "config.json")
      << "{\n"
      << field("hidden_size", model.shape.hidden) << field("intermediate_size", model.shape.ffn)
      << field("num_attention_heads", model.shape.heads) << field("num_key_value_heads", model.shape.kv_heads)
      << field("head_dim", model.shape.head_dim) << field("num_hidden_layers", 2) << field("vocab_size", 150)
      << field("max_position_embeddings", 256) << "  \"rms_norm_eps\": 1e-05, " << model.family << "}\n";
  auto file = models::MakeDummyCheckpoint(folder.string(), {.type = type, .seed = 3});
  std::filesystem::remove_all(folder);
  EXPECT_TRUE(file.ok()) << file.status().message();
  return file.ok() ? std::move(file).value() : nullptr;
}

std::unique_ptr<checkpoint::Checkpoint> Make(const Model& model) {
  auto file = MakeOfType(model, model.type);
  if (model.part == nullptr || !file) return file;
  const auto other = MakeOfType(model, model.part_type);
  if (!other) return nullptr;
  std::vector<checkpoint::OwnedTensor> tensors;
  for (const checkpoint::TensorView& view : file->tensors()) {
    const bool is_part = view.name.find(model.part) != std::string_view::npos;
    const checkpoint::TensorView& from = is_part ? *other->FindTensor(view.name) : view;
    tensors.push_back({std::string(from.name), from.type, from.dim_count, from.dims, {}});
    tensors.back().data.assign(from.data.begin(), from.data.end());
  }
  return checkpoint::Checkpoint::FromTensors(file->name(), file->texts(), std::move(tensors));
}

constexpr int kTokens = 40;

std::vector<std::int32_t> Tokens() {
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < kTokens; ++i) tokens.push_back((i * 37 + i * i * 11) % 150);
  return tokens;
}

struct Scores {
  std::vector<float> logprobs;
  std::vector<std::string> notes;
  int level = 0;
};

Scores Score(const checkpoint::Checkpoint& file, const CompileOptions& options,
             const std::vector<int>& chunks = {16}) {
  auto model = FamilyModel::Create(file, options);
  EXPECT_TRUE(model.ok()) << model.status().message();
  if (!model.ok()) return {};
  return {(*model)->Score(Tokens(), chunks), (*model)->notes(), (*model)->program().level};
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && !a.empty() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double MaxDifference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return HUGE_VAL;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    worst = std::isnan(difference) ? HUGE_VAL : std::max(worst, difference);
  }
  return worst;
}

class Passes : public testing::TestWithParam<Model> {};

TEST_P(Passes, ThatMoveNoRoundingPointMoveNoBit) {
  const auto file = Make(GetParam());
  ASSERT_TRUE(file);
  CompileOptions options{.level = 2, .activation = GetParam().activation};
  const Scores all = Score(*file, options);
  EXPECT_EQ(all.level, 2);
  for (const std::string& note : all.notes) ADD_FAILURE() << note;
  for (const int chunk : {1, 7}) {
    EXPECT_TRUE(SameBits(Score(*file, options, {chunk}).logprobs, all.logprobs)) << "chunks of " << chunk;
  }
  std::vector<std::string> neutral;
  for (const compiler::PassRow& pass : compiler::PassList()) {
    if (pass.moves_rounding_point) continue;
    neutral.emplace_back(pass.name);
    options.disabled_passes = {neutral.back()};
    const std::vector<float> without = Score(*file, options).logprobs;
    EXPECT_TRUE(SameBits(without, all.logprobs))
        << "without " << pass.name << ": " << MaxDifference(without, all.logprobs);
  }
  options.disabled_passes = neutral;
  EXPECT_TRUE(SameBits(Score(*file, options).logprobs, all.logprobs)) << "without any of them";
  options = {.level = 1, .activation = GetParam().activation};
  EXPECT_TRUE(SameBits(Score(*file, options).logprobs, all.logprobs)) << "-O1";
}

TEST_P(Passes, ThatMoveARoundingPointStayClose) {
  const auto file = Make(GetParam());
  ASSERT_TRUE(file);
  const Scores exact = Score(*file, {.level = 0, .kv_type = DType::kF32});
  CompileOptions options{.level = 2, .kv_type = DType::kF32, .activation = ActivationDType::kFloat32};
  const double in_float = MaxDifference(Score(*file, options).logprobs, exact.logprobs);
  EXPECT_LE(in_float, 1e-3);
  options.activation = GetParam().activation;
  const double rounded = MaxDifference(Score(*file, options).logprobs, exact.logprobs);
  EXPECT_LE(rounded, 0.3);
  std::printf("  %-14s from -O0: float32 activations %.1e, its own %.1e", GetParam().name, in_float, rounded);
  for (const compiler::PassRow& pass : compiler::PassList()) {
    if (!pass.moves_rounding_point) continue;
    options.disabled_passes = {std::string(pass.name)};
    const double without = MaxDifference(Score(*file, options).logprobs, exact.logprobs);
    EXPECT_LE(without, 0.3) << "without " << pass.name;
    std::printf(", without %s %.1e", std::string(pass.name).c_str(), without);
  }
  std::printf("\n");
}

INSTANTIATE_TEST_SUITE_P(
    All, Passes,
    testing::Values(
        Model{"llama_q4_0", kLlama, kUneven, DType::kQ4_0},
        Model{"llama_q4_k", kLlama, kBlocks, DType::kQ4_K},
        Model{"llama_int16", kLlama, kUneven, DType::kQ8_0, ActivationDType::kInt16},
        Model{"llama_f16", kLlama, kUneven, DType::kF16}, Model{"llama_padded", kLlama, kPadded, DType::kF32},
        Model{"biased_q4_1", kBiased, kUneven, DType::kQ4_1},
        Model{"biased_bf16", kBiased, kUneven, DType::kBF16},
        Model{"qwen2_q8_0", kQwen2, kUneven, DType::kQ8_0},
        Model{"qwen3_q4_0", kQwen3, kUneven, DType::kQ4_0},
        Model{"qwen3_bf16", kQwen3, kUneven, DType::kBF16},
        Model{"gemma3_q6_k", kGemma3, kBlocks, DType::kQ6_K},
        Model{"gemma3_q4_0", kGemma3, kUneven, DType::kQ4_0},
        Model{"gemma3_float32", kGemma3, kUneven, DType::kQ5_1, ActivationDType::kFloat32},
        Model{"mixed_value", kLlama, kUneven, DType::kQ4_0, ActivationDType::kAuto, "v_proj", DType::kQ8_0},
        Model{"float_value", kQwen3, kUneven, DType::kQ4_0, ActivationDType::kAuto, "v_proj", DType::kF16},
        Model{"mixed_up", kLlama, kBlocks, DType::kQ4_K, ActivationDType::kAuto, "up_proj", DType::kQ6_K},
        Model{"float_down", kLlama, kUneven, DType::kQ4_1, ActivationDType::kInt16, "down_proj",
              DType::kBF16},
        Model{"float_head", kQwen2, kUneven, DType::kQ8_0, ActivationDType::kAuto, "lm_head", DType::kF16},
        Model{"mixed_layers", kGemma3, kBlocks, DType::kQ4_K, ActivationDType::kAuto, "layers.1.",
              DType::kBF16}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace vivace::conformance
