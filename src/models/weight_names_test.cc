#include "models/weight_names.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/model_families.h"

namespace vivace::models {
namespace {

using checkpoint::Checkpoint;
using checkpoint::OwnedTensor;
using tensor::DType;

constexpr std::string_view kConfig = R"({"architectures": ["Qwen3ForCausalLM"], "hidden_size": 16,
  "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
  "head_dim": 8, "vocab_size": 5, "max_position_embeddings": 32, "tie_word_embeddings": false})";

OwnedTensor Tensor(std::string name, std::int64_t rows, std::int64_t width) {
  OwnedTensor tensor;
  tensor.name = std::move(name);
  tensor.dim_count = rows == 0 ? 1 : 2;
  tensor.dims = {width, std::max<std::int64_t>(rows, 1), 1, 1};
  tensor.data.resize(static_cast<std::size_t>(width * std::max<std::int64_t>(rows, 1)) * 4);
  return tensor;
}

/// A folder with all that `config` needs; `edit` changes its tensors.
template <class Edit>
std::unique_ptr<Checkpoint> Folder(std::string_view config, Edit edit, bool tied = false) {
  const Result<ModelConfig> read = ReadConfigJson(config);
  EXPECT_TRUE(read.ok()) << read.status().message();
  std::vector<OwnedTensor> tensors;
  const Result<std::vector<WeightInfo>> required = RequiredWeights(*read, tied);
  EXPECT_TRUE(required.ok());
  for (const WeightInfo& weight : *required) {
    tensors.push_back(Tensor(weight.source, weight.rows, weight.width));
  }
  edit(tensors);
  checkpoint::FolderTexts texts;
  texts.config = config;
  return Checkpoint::FromTensors("folder", std::move(texts), std::move(tensors));
}

Status Build(const Checkpoint& file) {
  const Result<ModelConfig> config = ReadConfig(file);
  if (!config.ok()) return config.status();
  const Result<std::vector<WeightInfo>> weights = ReadWeights(file, *config);
  if (!weights.ok()) return weights.status();
  return BuildGraph(*config, *weights).status();
}

OwnedTensor& Find(std::vector<OwnedTensor>& tensors, std::string_view name) {
  return *std::find_if(tensors.begin(), tensors.end(), [&](const OwnedTensor& t) { return t.name == name; });
}

TEST(WeightNames, FoldersMapToCanonicalNamesAndBindToTheirOwn) {
  const auto file = Folder(kConfig, [](auto&) {});
  const auto weights = ReadWeights(*file);
  ASSERT_TRUE(weights.ok()) << weights.status().message();
  std::vector<std::string> names;
  for (const WeightInfo& weight : *weights) names.push_back(weight.name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "token_embd.weight", "output_norm.weight", "output.weight", "blk.0.attn_norm.weight",
                       "blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight",
                       "blk.0.attn_q_norm.weight", "blk.0.attn_k_norm.weight", "blk.0.attn_output.weight",
                       "blk.0.ffn_norm.weight", "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight",
                       "blk.0.ffn_down.weight"}));
  const auto graph = BuildGraph(*ReadConfig(*file), *weights);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_EQ(graph->layers[0].bindings[1].source, "model.layers.0.self_attn.q_proj.weight");
  EXPECT_EQ(graph->epilogue.bindings[1].source, "lm_head.weight");
}

TEST(WeightNames, OtherPlacesOfTheTextModelAreKnown) {
  for (const std::string prefix : {"language_model.model.", "model.language_model.", ""}) {
    const auto file = Folder(kConfig, [&](std::vector<OwnedTensor>& tensors) {
      for (OwnedTensor& tensor : tensors) {
        if (tensor.name.starts_with("model.")) tensor.name = prefix + tensor.name.substr(6);
      }
      tensors.push_back(Tensor("vision_tower.layers.0.weight", 3, 3));
    });
    EXPECT_EQ(Build(*file).message(), "") << prefix;
  }
}

TEST(WeightNames, StoredTablesAndTheHeadOfATiedModelAreLeftOut) {
  std::string tied(kConfig);
  tied.replace(tied.find("false"), 5, "true");
  const auto file = Folder(
      tied,
      [](std::vector<OwnedTensor>& tensors) {
        tensors.push_back(Tensor("model.layers.0.self_attn.rotary_emb.inv_freq", 0, 4));
        tensors.push_back(Tensor("lm_head.weight", 5, 16));
      },
      true);
  EXPECT_EQ(Build(*file).message(), "");
}

struct BadFolder {
  const char* name;
  void (*edit)(std::vector<OwnedTensor>&);
  const char* message;
};
void PrintTo(const BadFolder& bad, std::ostream* out) {
  *out << bad.name;
}

class BadFolders : public testing::TestWithParam<BadFolder> {};

TEST_P(BadFolders, NameTheTensorAsTheFolderDoes) {
  EXPECT_EQ(Build(*Folder(kConfig, GetParam().edit)).message(), GetParam().message);
}

const BadFolder kBadFolders[] = {
    BadFolder{"M18Missing",
              [](std::vector<OwnedTensor>& t) {
                std::erase_if(t, [](const OwnedTensor& one) {
                  return one.name == "model.layers.0.self_attn.k_norm.weight";
                });
              },
              "the checkpoint has no tensor 'model.layers.0.self_attn.k_norm.weight', which its architecture "
              "needs. Fetch or convert it again."},
    BadFolder{"M18Extra",
              [](std::vector<OwnedTensor>& t) {
                t.push_back(Tensor("model.layers.0.self_attn.q_proj.bias", 0, 16));
              },
              "tensor 'model.layers.0.self_attn.q_proj.bias' is not part of the architecture as this build "
              "knows it; the model may need a feature that is not built yet."},
    BadFolder{
        "M18ExtraLayer",
        [](std::vector<OwnedTensor>& t) { t.push_back(Tensor("model.layers.1.mlp.up_proj.weight", 24, 16)); },
        "tensor 'model.layers.1.mlp.up_proj.weight' is not part of the architecture as this build "
        "knows it; the model may need a feature that is not built yet."},
    BadFolder{"M18Transposed",
              [](std::vector<OwnedTensor>& t) {
                std::swap(Find(t, "model.layers.0.mlp.down_proj.weight").dims[0],
                          Find(t, "model.layers.0.mlp.down_proj.weight").dims[1]);
              },
              "tensor 'model.layers.0.mlp.down_proj.weight' has dimensions [24, 16], expected [16, 24] from "
              "the metadata. Convert the checkpoint again."},
    BadFolder{"M18Rank",
              [](std::vector<OwnedTensor>& t) { Find(t, "model.layers.0.mlp.up_proj.weight").dim_count = 3; },
              "tensor 'model.layers.0.mlp.up_proj.weight' of folder has 3 dimensions; this build knows at "
              "most 2."},
    BadFolder{"M20NoHead",
              [](std::vector<OwnedTensor>& t) {
                std::erase_if(t, [](const OwnedTensor& one) { return one.name == "lm_head.weight"; });
              },
              "the checkpoint has no tensor 'lm_head.weight', which its architecture needs. Fetch or convert "
              "it again."},
    BadFolder{"C4Vocabulary",
              [](std::vector<OwnedTensor>& t) { t[0] = Tensor("model.embed_tokens.weight", 6, 16); },
              "tensor 'model.embed_tokens.weight' has 6 rows; expected 5 (vocab_size)."}};

INSTANTIATE_TEST_SUITE_P(All, BadFolders, testing::ValuesIn(kBadFolders),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(RequiredWeights, NeedAVocabulary) {
  EXPECT_EQ(RequiredWeights(ModelConfig(), true).status().message(),
            "the config does not say vocab_size, so the shape of the embedding is not known");
}

}  // namespace
}  // namespace vivace::models
