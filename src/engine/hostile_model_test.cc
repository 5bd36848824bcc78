// Models whose files are sound but whose contents contradict each other, groups M15 to M18, M20 and G14 to
// G16 of the reliability list: the description says why they do not run, and running them ends in that error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "checkpoint/gguf_test_file.h"
#include "checkpoint/safetensors_test_file.h"
#include "checkpoint/test_folder.h"
#include "models/model_config.h"
#include "vivace/engine.h"
#include "vivace/inspect.h"
#include "vivace/text_model.h"

namespace vivace {
namespace {

using checkpoint::GgufTestFile;
using checkpoint::GgufType;
using checkpoint::TestFolder;
using models::WeightInfo;
using ::testing::HasSubstr;

constexpr const char* kTiny =
    R"({"architectures":["LlamaForCausalLM"],"hidden_size":32,"intermediate_size":64,"num_hidden_layers":2,)"
    R"("num_attention_heads":2,"num_key_value_heads":1,"vocab_size":300,"max_position_embeddings":64,)"
    R"("tie_word_embeddings":TIED})";

Options Model(const std::string& path) {
  Options options;
  EXPECT_TRUE(options.Set("model", path).ok());
  EXPECT_TRUE(options.Set("optimization-level", "0").ok());
  EXPECT_TRUE(options.Set("log-level", "off").ok());
  return options;
}

auto CaseName() {
  return [](const auto& tested) { return std::string(tested.param.name); };
}

// Both ways of opening the model give the reason.
void ExpectRefused(const std::string& path, const std::string& reason) {
  const auto summary = InspectModel(Model(path));
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_FALSE(summary->supported);
  EXPECT_THAT(summary->unsupported_reason, HasSubstr(reason));
  const auto engine = Engine::Create(Model(path));
  ASSERT_FALSE(engine.ok());
  EXPECT_THAT(engine.status().message(), HasSubstr(reason));
}

struct WeightCase {
  const char* name;
  bool tied;
  std::function<void(std::vector<WeightInfo>&)> edit;
  const char* message;
};

WeightInfo& Named(std::vector<WeightInfo>& weights, std::string_view name) {
  return *std::find_if(weights.begin(), weights.end(),
                       [&](const WeightInfo& w) { return w.in_checkpoint() == name; });
}
auto Drop(std::string name) {
  return [=](std::vector<WeightInfo>& weights) {
    std::erase_if(weights, [&](const WeightInfo& w) { return w.in_checkpoint() == name; });
  };
}
auto Reshape(std::string name, std::int64_t rows, std::int64_t width) {
  return [=](std::vector<WeightInfo>& weights) {
    WeightInfo& weight = Named(weights, name);
    weight.rows = rows;
    weight.width = width;
  };
}

// Zeros of these shapes in bf16, or f32 for vectors.
std::string Header(const std::vector<WeightInfo>& weights, std::size_t& size) {
  std::string header = "{";
  for (const WeightInfo& w : weights) {
    const bool matrix = w.rows > 0;
    const auto bytes = static_cast<std::size_t>(matrix ? 2 * w.rows * w.width : 4 * w.width);
    header += header.size() > 1 ? ",\"" : "\"";
    header += w.in_checkpoint() + R"(":{"dtype":")" + (matrix ? "BF16" : "F32") + R"(","shape":[)" +
              (matrix ? std::to_string(w.rows) + "," : "") + std::to_string(w.width) +
              R"(],"data_offsets":[)" + std::to_string(size) + "," + std::to_string(size + bytes) + "]}";
    size += bytes;
  }
  return header + "}";
}

class HostileWeights : public ::testing::TestWithParam<WeightCase> {};

TEST_P(HostileWeights, AreRefusedByTheirName) {
  std::string config = kTiny;
  config.replace(config.find("TIED"), 4, GetParam().tied ? "true" : "false");
  const auto facts = models::ReadConfigJson(config);
  ASSERT_TRUE(facts.ok()) << facts.status().message();
  auto weights = models::RequiredWeights(*facts, GetParam().tied);
  ASSERT_TRUE(weights.ok()) << weights.status().message();
  GetParam().edit(*weights);
  std::size_t size = 0;
  const std::string header = Header(*weights, size);
  TestFolder folder;
  folder.Write("config.json", config).Write("model.safetensors", checkpoint::SafetensorsBytes(header, size));
  ExpectRefused(folder.path(), GetParam().message);
}

const WeightCase kWeightCases[] = {
    {"M18_MatrixMissing", true, Drop("model.layers.1.mlp.up_proj.weight"),
     "no tensor 'model.layers.1.mlp.up_proj.weight'"},
    {"M18_NormMissing", true, Drop("model.norm.weight"), "no tensor 'model.norm.weight'"},
    {"M18_LayerMissing", true,
     [](std::vector<WeightInfo>& weights) {
       std::erase_if(weights, [](const WeightInfo& w) { return w.name.starts_with("blk.1."); });
     },
     "no tensor 'model.layers.1."},
    {"M18_LayerTooMany", true,
     [](std::vector<WeightInfo>& weights) {
       WeightInfo extra = Named(weights, "model.layers.1.mlp.up_proj.weight");
       extra.source = "model.layers.2.mlp.up_proj.weight";
       weights.push_back(extra);
     },
     "model.layers.2.mlp.up_proj.weight"},
    {"M18_UnknownTensor", true,
     [](std::vector<WeightInfo>& weights) {
       weights.push_back({"x", tensor::DType::kBF16, 4, 4, "model.extra.weight"});
     },
     "model.extra.weight"},
    {"M18_PathAsName", true,
     [](std::vector<WeightInfo>& weights) {
       weights.push_back({"x", tensor::DType::kBF16, 4, 4, "../../etc/passwd"});
     },
     "../../etc/passwd"},
    {"M18_Transposed", true, Reshape("model.layers.0.mlp.down_proj.weight", 64, 32),
     "tensor 'model.layers.0.mlp.down_proj.weight' has dimensions"},
    {"M18_TooFewRows", true, Reshape("model.layers.0.self_attn.k_proj.weight", 8, 32),
     "tensor 'model.layers.0.self_attn.k_proj.weight' has dimensions"},
    {"M18_NormIsMatrix", true, Reshape("model.layers.0.input_layernorm.weight", 32, 1),
     "tensor 'model.layers.0.input_layernorm.weight' has dimensions"},
    {"M18_NormTooLong", true, Reshape("model.layers.0.input_layernorm.weight", 0, 64),
     "tensor 'model.layers.0.input_layernorm.weight' has dimensions"},
    {"M18_MatrixIsVector", true, Reshape("model.layers.0.mlp.up_proj.weight", 0, 32),
     "tensor 'model.layers.0.mlp.up_proj.weight' has dimensions [32], expected [64, 32]"},
    {"M20_EmbeddingMissing", true, Drop("model.embed_tokens.weight"),
     "no tensor 'model.embed_tokens.weight'"},
    {"M20_OutputMissing", false, Drop("lm_head.weight"), "no tensor 'lm_head.weight'"},
    {"C4_VocabularyLargerThanEmbedding", true, Reshape("model.embed_tokens.weight", 299, 32),
     "tensor 'model.embed_tokens.weight' has 299 rows; expected 300"},
};
INSTANTIATE_TEST_SUITE_P(Weights, HostileWeights, ::testing::ValuesIn(kWeightCases), CaseName());

struct KeyCase {
  const char* name;
  std::function<void(GgufTestFile&)> keys;
  std::uint64_t count;  // of keys
  const char* message;
};

class HostileKeys : public ::testing::TestWithParam<KeyCase> {};

TEST_P(HostileKeys, AreRefusedByTheirName) {
  GgufTestFile file;
  file.Header(0, GetParam().count + 1).StringKey("general.architecture", "llama");
  GetParam().keys(file);
  TestFolder folder;
  folder.Write("m.gguf", file.bytes());
  ExpectRefused(folder.path("m.gguf"), GetParam().message);
}

auto Layers(GgufType type, std::uint32_t value) {
  return [=](GgufTestFile& f) { f.Key("llama.block_count", type, value); };
}

const KeyCase kKeyCases[] = {
    {"G14_NoLayerCount", [](GgufTestFile&) {}, 0, "llama.block_count"},
    {"G14_NoLayers", Layers(GgufType::kUint32, 0), 1, "'llama.block_count' is 0"},
    {"G14_BillionLayers", Layers(GgufType::kUint32, 1'000'000'000), 1, "'llama.block_count' is 1000000000"},
    {"G14_NegativeLayers", Layers(GgufType::kInt32, 0xffffffff), 1, "'llama.block_count' is -1"},
    {"G14_LayersAsFloat", Layers(GgufType::kFloat32, 0x41000000), 1, "'llama.block_count' is float32"},
    {"G14_LayersAsText", [](GgufTestFile& f) { f.StringKey("llama.block_count", "32"); }, 1,
     "'llama.block_count' is string"},
    {"G14_LayersAsArray",
     [](GgufTestFile& f) { f.ArrayKey("llama.block_count", GgufType::kUint32, 1).Put<std::uint32_t>(2); }, 1,
     "'llama.block_count' is an array of uint32"},
};
INSTANTIATE_TEST_SUITE_P(Keys, HostileKeys, ::testing::ValuesIn(kKeyCases), CaseName());

// A vocabulary whose arrays or tokens are wrong, seen by the text side alone.
class HostileVocabulary : public ::testing::TestWithParam<KeyCase> {};

TEST_P(HostileVocabulary, IsRefusedByItsName) {
  GgufTestFile file;
  file.Header(0, GetParam().count);
  GetParam().keys(file);
  TestFolder folder;
  folder.Write("m.gguf", file.bytes());
  const auto text = TextModel::Open(folder.path("m.gguf"));
  ASSERT_FALSE(text.ok());
  EXPECT_THAT(text.status().message(), HasSubstr(GetParam().message));
}

// A vocabulary of SentencePiece with these two last tokens, so many scores and types.
auto Vocabulary(std::string first, std::string second, std::uint64_t scores, std::uint64_t types) {
  return [=](GgufTestFile& f) {
    f.StringKey("tokenizer.ggml.model", "llama");
    f.ArrayKey("tokenizer.ggml.tokens", GgufType::kString, 4)
        .String("<unk>")
        .String("a")
        .String(first)
        .String(second);
    f.ArrayKey("tokenizer.ggml.scores", GgufType::kFloat32, scores);
    for (std::uint64_t i = 0; i < scores; ++i) f.Put(0.0f);
    f.ArrayKey("tokenizer.ggml.token_type", GgufType::kInt32, types);
    for (std::uint64_t i = 0; i < types; ++i) f.Put<std::int32_t>(i == 0 ? 2 : i == 1 ? 1 : 6);
  };
}

const KeyCase kVocabularyCases[] = {
    {"G16_FewerScores", Vocabulary("<0x00>", "<0x01>", 3, 4), 4, "scores"},
    {"G16_MoreScores", Vocabulary("<0x00>", "<0x01>", 5, 4), 4, "scores"},
    {"G16_FewerTypes", Vocabulary("<0x00>", "<0x01>", 4, 3), 4, "types"},
    {"G16_NoScores", Vocabulary("<0x00>", "<0x01>", 0, 4), 4, "scores"},
};
INSTANTIATE_TEST_SUITE_P(Text, HostileVocabulary, ::testing::ValuesIn(kVocabularyCases), CaseName());

TEST(HostileVocabularyBytes, G15_TokensThatSpellNoByteAreTheirText) {
  for (const char* token : {"<0x-1>", "<0xZZ>", "<0x100>", "<0x>"}) {
    GgufTestFile file;
    file.Header(0, 4);
    Vocabulary(token, "<0x01>", 4, 4)(file);
    TestFolder folder;
    folder.Write("m.gguf", file.bytes());
    const auto text = TextModel::Open(folder.path("m.gguf"));
    ASSERT_TRUE(text.ok()) << text.status().message();
    EXPECT_THAT(*(*text)->Detokenize({2}, false), HasSubstr(token));
  }
}

}  // namespace
}  // namespace vivace
