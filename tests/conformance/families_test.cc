// Each model family against transformers in float32, on tiny seeded checkpoints
// (tests/goldens/gen_families.py): the whole prompt at once, in chunks, token by token; from folders of
// safetensors, and from GGUF. And the inverse: each feature changed by about one percent must exceed the
// tolerance.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "family_model.h"
#include "tensor/dequantize.h"
#include "tensor/float16.h"

namespace vivace::conformance {
namespace {

using checkpoint::Checkpoint;
using models::ModelConfig;
using tensor::DType;

// Float activations and a float32 cache; see docs/testing for what the tolerances are made of.
constexpr double kTolerance = 1e-3;
constexpr float kMargin = 0.01f;

std::string Folder(const std::string& name) {
  return VIVACE_SOURCE_DIR "/tests/goldens/families/" + name;
}

std::unique_ptr<Checkpoint> OpenOrFail(const std::string& path) {
  Result<std::unique_ptr<Checkpoint>> file = Checkpoint::Open(path);
  EXPECT_TRUE(file.ok()) << file.status().message();
  return file.ok() ? std::move(file).value() : nullptr;
}

double MaxDifference(const FamilyGolden& golden, const std::vector<float>& logprobs) {
  const auto width = static_cast<std::size_t>(golden.vocabulary);
  double worst = 0;
  for (std::size_t position = 0; position * width < logprobs.size(); ++position) {
    const std::span<const float> row = golden.Row(static_cast<int>(position));
    for (std::size_t i = 0; i < width; ++i) {
      const double difference = std::abs(logprobs[position * width + i] - row[i]);
      worst = std::isnan(difference) ? HUGE_VAL : std::max(worst, difference);
    }
  }
  return worst;
}

/// Greedy tokens that differ although the reference was sure of them.
int GreedyMisses(const FamilyGolden& golden, const std::vector<float>& logprobs, float margin) {
  const auto width = static_cast<std::size_t>(golden.vocabulary);
  int misses = 0;
  for (std::size_t i = 0; i < golden.greedy.size(); ++i) {
    if (golden.margins[i] <= margin) continue;
    const auto row = logprobs.begin() + static_cast<std::ptrdiff_t>((golden.prompt.size() - 1 + i) * width);
    const auto best = std::max_element(row, row + static_cast<std::ptrdiff_t>(width)) - row;
    misses += best != golden.greedy[i];
  }
  return misses;
}

struct Case {
  const char* folder;
  const char* file;  // within it; empty: the folder itself
  std::string path() const { return Folder(folder) + (*file ? "/" + std::string(file) : ""); }
};
void PrintTo(const Case& one, std::ostream* out) {
  *out << one.folder << one.file;
}

class Families : public testing::TestWithParam<Case> {};

TEST_P(Families, EqualTransformersInFloat32) {
  const auto file = OpenOrFail(GetParam().path());
  ASSERT_TRUE(file);
  const FamilyGolden golden = ReadFamilyGolden(Folder(GetParam().folder));
  const auto model = FamilyModel::Create(*file, 0, DType::kF32);
  ASSERT_TRUE(model.ok()) << model.status().message();
  const std::vector<std::int32_t> tokens = golden.Tokens();
  const int all = static_cast<int>(tokens.size()), prompt = static_cast<int>(golden.prompt.size());
  const std::vector<float> whole = (*model)->Score(tokens, std::vector<int>{all});
  const double worst = MaxDifference(golden, whole);
  EXPECT_LE(worst, kTolerance);
  EXPECT_EQ(GreedyMisses(golden, whole, kMargin), 0);
  for (const std::vector<int>& chunks :
       {std::vector<int>{1}, std::vector<int>{3}, std::vector<int>{16}, std::vector<int>{prompt, 1}}) {
    const std::vector<float> part = (*model)->Score(tokens, chunks);
    ASSERT_EQ(part.size(), whole.size());
    EXPECT_EQ(0, std::memcmp(part.data(), whole.data(), whole.size() * sizeof(float)))
        << "chunks of " << chunks[0] << " have other bits than the whole: " << MaxDifference(golden, part);
  }
  std::printf("  %-18s %-18s max abs log-probability difference %.1e\n", GetParam().folder, GetParam().file,
              worst);
}

TEST_P(Families, Level2StaysCloseWithAHalfCache) {
  const auto file = OpenOrFail(GetParam().path());
  ASSERT_TRUE(file);
  const FamilyGolden golden = ReadFamilyGolden(Folder(GetParam().folder));
  const auto model = FamilyModel::Create(*file, 2, DType::kF16);
  ASSERT_TRUE(model.ok()) << model.status().message();
  const std::vector<std::int32_t> tokens = golden.Tokens();
  const std::vector<float> logprobs = (*model)->Score(tokens, std::vector<int>{16});
  const double worst = MaxDifference(golden, logprobs);
  EXPECT_LE(worst, 0.15);
  EXPECT_EQ(GreedyMisses(golden, logprobs, 0.2f), 0);
  std::printf("  %-18s %-18s level %d, f16 cache: %.1e\n", GetParam().folder, GetParam().file,
              (*model)->program().level, worst);
}

// With float32 rows and cache the compiled levels round nothing more than -O0 does.
TEST_P(Families, CompiledLevelsWithFloatRowsEqualTransformersInTheSameBits) {
  const auto file = OpenOrFail(GetParam().path());
  ASSERT_TRUE(file);
  const FamilyGolden golden = ReadFamilyGolden(Folder(GetParam().folder));
  const std::vector<std::int32_t> tokens = golden.Tokens();
  std::vector<float> whole;
  for (const int level : {1, 2}) {
    const auto model = FamilyModel::Create(
        *file, {.level = level, .kv_type = DType::kF32, .activation = compiler::ActivationDType::kFloat32});
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_EQ((*model)->program().level, level);
    for (const std::vector<int>& chunks :
         {std::vector<int>{64}, std::vector<int>{1}, std::vector<int>{16}, std::vector<int>{3, 40}}) {
      const std::vector<float> logprobs = (*model)->Score(tokens, chunks);
      if (whole.empty()) whole = logprobs;
      EXPECT_EQ(0, std::memcmp(logprobs.data(), whole.data(), whole.size() * sizeof(float)))
          << "-O" << level << " in chunks of " << chunks[0];
    }
  }
  EXPECT_LE(MaxDifference(golden, whole), kTolerance);
  EXPECT_EQ(GreedyMisses(golden, whole, kMargin), 0);
}

/// Blocks of 32 values: f16 scale, 32 signed bytes.
void AppendQ80(std::span<const float> values, std::vector<std::byte>& out) {
  for (std::size_t block = 0; block < values.size(); block += 32) {
    float top = 0;
    for (std::size_t i = block; i < block + 32; ++i) top = std::max(top, std::abs(values[i]));
    const std::uint16_t half = tensor::F32ToF16(top / 127);
    const float scale = tensor::F16ToF32(half);
    out.push_back(static_cast<std::byte>(half & 0xff));
    out.push_back(static_cast<std::byte>(half >> 8));
    for (std::size_t i = block; i < block + 32; ++i) {
      const float quotient = scale == 0 ? 0 : values[i] / scale;
      out.push_back(static_cast<std::byte>(static_cast<std::int8_t>(std::lrint(quotient))));
    }
  }
}

/// The same model with every matrix whose rows are whole blocks as q8_0, which -O2 computes in 8 bits.
std::unique_ptr<Checkpoint> Quantised(const Checkpoint& file) {
  std::vector<checkpoint::OwnedTensor> tensors;
  for (const checkpoint::TensorView& view : file.tensors()) {
    checkpoint::OwnedTensor tensor{std::string(view.name), view.type, view.dim_count, view.dims, {}};
    if (view.dim_count == 2 && view.dims[0] % 32 == 0) {
      std::vector<float> values(static_cast<std::size_t>(view.elements()));
      tensor::DequantizeRow(view.type, view.data.data(), view.elements(), values.data());
      AppendQ80(values, tensor.data);
      tensor.type = DType::kQ8_0;
    } else {
      tensor.data.assign(view.data.begin(), view.data.end());
    }
    tensors.push_back(std::move(tensor));
  }
  return Checkpoint::FromTensors(file.name(), file.texts(), std::move(tensors));
}

/// Mean over positions of the divergence from `reference`, in nats.
double MeanDivergence(const std::vector<float>& reference, const std::vector<float>& other, int vocabulary) {
  double sum = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    sum += std::exp(static_cast<double>(reference[i])) * (static_cast<double>(reference[i]) - other[i]);
  }
  return sum / (static_cast<double>(reference.size()) / vocabulary);
}

// Where -O2 takes parts of a model and leaves others, each family must still be itself: 8-bit activations
// cost about 1e-4 on these models.
TEST_P(Families, QuantisedModelAtLevel2IsCloseToLevel0) {
  if (*GetParam().file != 0) GTEST_SKIP() << "folders only";
  const auto file = OpenOrFail(GetParam().path());
  ASSERT_TRUE(file);
  const auto quantised = Quantised(*file);
  const FamilyGolden golden = ReadFamilyGolden(Folder(GetParam().folder));
  const std::vector<std::int32_t> tokens = golden.Tokens();
  std::vector<float> results[2];
  int level = 0;
  for (int i = 0; i < 2; ++i) {
    const auto model = FamilyModel::Create(*quantised, 2 * i, DType::kF32);
    ASSERT_TRUE(model.ok()) << model.status().message();
    results[i] = (*model)->Score(tokens, std::vector<int>{16});
    const std::vector<float> decoded = (*model)->Score(tokens, std::vector<int>{40, 1});
    EXPECT_EQ(0, std::memcmp(decoded.data(), results[i].data(), decoded.size() * sizeof(float)));
    level = (*model)->program().level;
  }
  const double divergence = MeanDivergence(results[0], results[1], golden.vocabulary);
  EXPECT_LE(divergence, 1e-3);
  std::printf("  %-18s q8_0, level %d: mean KL from level 0 %.1e\n", GetParam().folder, level, divergence);
}

INSTANTIATE_TEST_SUITE_P(All, Families,
                         testing::Values(Case{"llama", ""}, Case{"llama", "model.gguf"},
                                         Case{"llama_bias", ""}, Case{"llama3_scaling", ""},
                                         Case{"llama3_scaling", "model.gguf"}, Case{"llama_linear", ""},
                                         Case{"llama_yarn", ""}, Case{"smollm2_tied", ""},
                                         Case{"mistral_window", ""}, Case{"qwen2", ""},
                                         Case{"qwen2_window", ""}, Case{"qwen3", ""}, Case{"gemma3", ""},
                                         Case{"gemma3_capped", ""}, Case{"gemma3_capped", "model.gguf"}));

/// A change of a model's facts that must be seen.
struct Mutation {
  const char* name;
  const char* folder;
  void (*change)(ModelConfig&);
};
void PrintTo(const Mutation& mutation, std::ostream* out) {
  *out << mutation.name;
}

void Stretch(std::vector<float>& factors, float by) {
  for (float& factor : factors) factor = factor == 1 ? 1 : factor * by;
}

constexpr Mutation kMutations[] = {
    {"RopeBase", "llama", [](ModelConfig& c) { c.rope.theta *= 1.01f; }},
    {"RopePairs", "llama", [](ModelConfig& c) { c.interleaved_rope = true; }},
    {"AttentionScale", "llama", [](ModelConfig& c) { c.attention_scale *= 1.01f; }},
    {"NormEpsilon", "llama", [](ModelConfig& c) { c.norm_eps = 1e-3f; }},
    {"LinearFactor", "llama_linear", [](ModelConfig& c) { Stretch(c.rope.factors, 1.01f); }},
    {"Llama3Factor", "llama3_scaling", [](ModelConfig& c) { Stretch(c.rope.factors, 1.01f); }},
    {"NoLlama3Scaling", "llama3_scaling", [](ModelConfig& c) { c.rope.factors.clear(); }},
    {"YarnFactor", "llama_yarn", [](ModelConfig& c) { Stretch(c.rope.factors, 1.01f); }},
    {"YarnAttentionFactor", "llama_yarn", [](ModelConfig& c) { c.rope.attention_factor *= 1.01f; }},
    {"WindowWider", "mistral_window", [](ModelConfig& c) { ++c.window; }},
    {"WindowNarrower", "mistral_window", [](ModelConfig& c) { --c.window; }},
    {"NoWindow", "mistral_window", [](ModelConfig& c) { c.windowed.clear(); }},
    {"WindowOfOtherLayers", "qwen2_window", [](ModelConfig& c) { c.windowed[0] = 1; }},
    {"QwenWindowWider", "qwen2_window", [](ModelConfig& c) { ++c.window; }},
    {"NormOffset", "gemma3", [](ModelConfig& c) { c.norm_offset *= 1.01f; }},
    {"EmbeddingScale", "gemma3", [](ModelConfig& c) { c.embedding_scale *= 1.01f; }},
    {"Activation", "gemma3", [](ModelConfig& c) { c.activation = models::Activation::kSilu; }},
    {"GlobalRopeBase", "gemma3", [](ModelConfig& c) { c.rope.theta *= 1.01f; }},
    {"LocalRopeBase", "gemma3", [](ModelConfig& c) { c.local_rope.theta *= 1.01f; }},
    {"GlobalRopeFactor", "gemma3", [](ModelConfig& c) { Stretch(c.rope.factors, 1.01f); }},
    {"GemmaWindow", "gemma3", [](ModelConfig& c) { ++c.window; }},
    {"GemmaPattern", "gemma3",
     [](ModelConfig& c) {
       c.windowed = {0, 1, 1};
     }},
    {"GemmaScale", "gemma3", [](ModelConfig& c) { c.attention_scale *= 1.01f; }},
    {"AttentionSoftcap", "gemma3_capped", [](ModelConfig& c) { c.attention_softcap *= 1.01f; }},
    {"LogitSoftcap", "gemma3_capped", [](ModelConfig& c) { c.logit_softcap *= 1.01f; }},
};

class FamilyMutations : public testing::TestWithParam<Mutation> {};

TEST_P(FamilyMutations, AreSeen) {
  const auto file = OpenOrFail(Folder(GetParam().folder));
  ASSERT_TRUE(file);
  const FamilyGolden golden = ReadFamilyGolden(Folder(GetParam().folder));
  const auto model = FamilyModel::Create(*file, 0, DType::kF32, GetParam().change);
  ASSERT_TRUE(model.ok()) << model.status().message();
  const std::vector<std::int32_t> tokens = golden.Tokens();
  const double worst = MaxDifference(golden, (*model)->Score(tokens, std::vector<int>{64}));
  EXPECT_GT(worst, 2 * kTolerance);
  std::printf("  %-20s %.1e\n", GetParam().name, worst);
}

INSTANTIATE_TEST_SUITE_P(All, FamilyMutations, testing::ValuesIn(kMutations),
                         [](const auto& one) { return std::string(one.param.name); });

/// A tensor whose values change by one percent must be seen: it is read, and read for what it is.
struct TensorMutation {
  const char* name;
  const char* folder;
  const char* tensor;
};
void PrintTo(const TensorMutation& mutation, std::ostream* out) {
  *out << mutation.name;
}

constexpr TensorMutation kTensorMutations[] = {
    {"QBias", "llama_bias", "model.layers.0.self_attn.q_proj.bias"},
    {"VBias", "llama_bias", "model.layers.1.self_attn.v_proj.bias"},
    {"OutputBias", "llama_bias", "model.layers.0.self_attn.o_proj.bias"},
    {"GateBias", "llama_bias", "model.layers.0.mlp.gate_proj.bias"},
    {"UpBias", "llama_bias", "model.layers.1.mlp.up_proj.bias"},
    {"DownBias", "llama_bias", "model.layers.0.mlp.down_proj.bias"},
    {"QNorm", "qwen3", "model.layers.0.self_attn.q_norm.weight"},
    {"KNorm", "qwen3", "model.layers.1.self_attn.k_norm.weight"},
    {"GemmaQNorm", "gemma3", "model.layers.1.self_attn.q_norm.weight"},
    {"PostAttentionNorm", "gemma3", "model.layers.0.post_attention_layernorm.weight"},
    {"PreFfnNorm", "gemma3", "model.layers.1.pre_feedforward_layernorm.weight"},
    {"PostFfnNorm", "gemma3", "model.layers.2.post_feedforward_layernorm.weight"},
    {"FfnNorm", "llama", "model.layers.1.post_attention_layernorm.weight"},
    {"Output", "llama", "lm_head.weight"},
};

/// The same folder with the float32 values of one tensor times 1.01.
std::unique_ptr<Checkpoint> WithTensorChanged(const Checkpoint& file, std::string_view name) {
  std::vector<checkpoint::OwnedTensor> tensors;
  for (const checkpoint::TensorView& view : file.tensors()) {
    checkpoint::OwnedTensor tensor;
    tensor.name = view.name;
    tensor.type = view.type;
    tensor.dim_count = view.dim_count;
    tensor.dims = view.dims;
    tensor.data.assign(view.data.begin(), view.data.end());
    if (view.name == name) {
      EXPECT_EQ(view.type, DType::kF32);
      for (std::size_t i = 0; i + 4 <= tensor.data.size(); i += 4) {
        float value;
        std::memcpy(&value, tensor.data.data() + i, 4);
        value *= 1.01f;
        std::memcpy(tensor.data.data() + i, &value, 4);
      }
    }
    tensors.push_back(std::move(tensor));
  }
  return Checkpoint::FromTensors(file.name(), file.texts(), std::move(tensors));
}

class FamilyTensorMutations : public testing::TestWithParam<TensorMutation> {};

TEST_P(FamilyTensorMutations, AreSeen) {
  const auto file = OpenOrFail(Folder(GetParam().folder));
  ASSERT_TRUE(file);
  ASSERT_NE(file->FindTensor(GetParam().tensor), nullptr);
  const auto changed = WithTensorChanged(*file, GetParam().tensor);
  const FamilyGolden golden = ReadFamilyGolden(Folder(GetParam().folder));
  const auto model = FamilyModel::Create(*changed, 0, DType::kF32);
  ASSERT_TRUE(model.ok()) << model.status().message();
  const std::vector<std::int32_t> tokens = golden.Tokens();
  const double worst = MaxDifference(golden, (*model)->Score(tokens, std::vector<int>{64}));
  EXPECT_GT(worst, kTolerance);
  std::printf("  %-20s %.1e\n", GetParam().name, worst);
}

INSTANTIATE_TEST_SUITE_P(All, FamilyTensorMutations, testing::ValuesIn(kTensorMutations),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(FamilyWeights, RequiredOnesAreThoseOfTheFolder) {
  for (const char* name : {"llama", "llama_bias", "smollm2_tied", "qwen2", "qwen3", "gemma3"}) {
    const auto file = OpenOrFail(Folder(name));
    ASSERT_TRUE(file);
    const auto config = models::ReadConfig(*file);
    ASSERT_TRUE(config.ok()) << config.status().message();
    const auto required = models::RequiredWeights(*config, config->tied == true);
    ASSERT_TRUE(required.ok());
    EXPECT_EQ(required->size(), file->tensors().size()) << name;
    for (const models::WeightInfo& weight : *required) {
      const checkpoint::TensorView* tensor = file->FindTensor(weight.source);
      ASSERT_NE(tensor, nullptr) << name << " " << weight.source;
      EXPECT_EQ(tensor->dims[0], weight.width) << weight.source;
      EXPECT_EQ(tensor->dim_count == 2 ? tensor->dims[1] : 0, weight.rows) << weight.source;
    }
  }
}

}  // namespace
}  // namespace vivace::conformance
