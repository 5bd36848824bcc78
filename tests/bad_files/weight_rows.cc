// Weights that a folder's config does not go with, groups M18 to M20 and M22, C4 and C10: sound files whose
// contents contradict each other or are no numbers.
#include <algorithm>
#include <cstring>
#include <limits>

#include "bad_file.h"
#include "runtime/tiny_model.h"

namespace vivace::bad_files {
namespace {

using models::WeightInfo;
using runtime::TinyModel;
using runtime::TinyModelSpec;

struct WeightCase {
  const char* id;
  bool tied;
  std::function<void(std::vector<WeightInfo>&)> edit;
  const char* text;
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

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A tensor of a GGUF model begins with this value, or its first block has it for its scale.
BadFile Broken(const char* id, const char* tensor, float value, tensor::DType type, Outcome outcome) {
  TinyModelSpec spec;
  spec.broken = tensor;
  spec.breaking = value;
  spec.matrix = spec.embedding = type;
  return {id,
          "m.gguf",
          [spec](TestFolder& folder) { folder.Write("m/m.gguf", TinyModel(spec).Bytes()); },
          outcome == Outcome::kNumerical ? "not a finite number" : "ab",
          outcome,
          "ab"};
}

// Every matrix holds this bf16 value.
BadFile Flood(const char* id, std::uint16_t value, Outcome outcome, const char* text) {
  const auto make = [value](TestFolder& folder) {
    WriteTinyFolder(folder);
    std::string file = WeightsFile(TinyWeights());
    std::uint64_t header = 0;
    std::memcpy(&header, file.data(), 8);
    for (std::size_t at = 8 + header; at + 1 < file.size(); at += 2) std::memcpy(&file[at], &value, 2);
    folder.Write("m/model.safetensors", file);
  };
  return {id, "", make, text, outcome, "hell"};
}

}  // namespace

std::vector<BadFile> WeightRows() {
  std::vector<BadFile> all;
  for (const WeightCase& row : kWeightCases) {
    const auto make = [tied = row.tied, edit = row.edit](TestFolder& folder) {
      const std::string config = With(kTinyConfig, "tie_word_embeddings", tied ? "true" : "false");
      std::vector<WeightInfo> weights = TinyWeights(config);
      edit(weights);
      WriteTinyFolder(folder, config);
      folder.Write("m/model.safetensors", WeightsFile(weights));
    };
    all.push_back({row.id, "", make, row.text});
  }
  using tensor::DType;
  all.push_back(Broken("M19_NanInNorm", "blk.0.attn_norm.weight", kNan, DType::kQ8_0, Outcome::kNumerical));
  all.push_back(
      Broken("M19_InfinityInNorm", "output_norm.weight", kInfinity, DType::kQ8_0, Outcome::kNumerical));
  all.push_back(
      Broken("M19_NanInF32Matrix", "blk.1.ffn_down.weight", kNan, DType::kF32, Outcome::kNumerical));
  all.push_back(Broken("M22_ScaleNan", "blk.0.attn_q.weight", kNan, DType::kQ8_0, Outcome::kNumerical));
  all.push_back(
      Broken("M22_ScaleInfinity", "blk.1.ffn_up.weight", kInfinity, DType::kQ4_1, Outcome::kNumerical));
  all.push_back(
      Broken("M22_ScaleOfQ4Infinity", "blk.0.attn_v.weight", kInfinity, DType::kQ4_0, Outcome::kNumerical));
  all.push_back(Flood("M19_AllNan", 0x7fc0, Outcome::kNumerical, "not a finite number"));
  all.push_back(Flood("M19_AllInfinity", 0xff80, Outcome::kNumerical, "not a finite number"));
  all.push_back(Flood("M19_DenormalFlood", 0x0001, Outcome::kLoads, "hell"));
  all.push_back(Flood("M22_AllZero", 0x0000, Outcome::kLoads, "hell"));
  return all;
}

}  // namespace vivace::bad_files
