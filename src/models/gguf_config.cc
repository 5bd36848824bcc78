// The facts of a model from GGUF metadata: keys "<architecture>.<key>" as in the GGUF specification. Biases,
// rotary factors and tied embeddings are told by the tensors themselves.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/status_macros.h"
#include "models/config_checks.h"
#include "models/json_facts.h"
#include "models/rope_facts.h"

namespace vivace::models {
namespace {

/// The window pattern and the base of windowed layers that the format leaves to programs.
constexpr int kWindowPattern = 6;
constexpr float kLocalTheta = 10000.0f;

/// Reads the keys of one architecture into a config.
class GgufReader {
 public:
  GgufReader(const MetadataView& metadata, const ModelFamily& family)
      : metadata_(metadata), family_(family), prefix_(std::string(family.architecture) + ".") {}
  Result<ModelConfig> Run();

 private:
  Status Required(std::string_view key, std::int64_t maximum, int& value) const;
  Status Optional(std::string_view key, std::int64_t maximum, int fallback, int& value) const;
  Status Positive(std::string_view key, double maximum, float& value) const;
  Status OptionalPositive(std::string_view key, double maximum, float& value) const {
    return metadata_.Has(Key(key)) ? Positive(key, maximum, value) : Status::Ok();
  }
  Status ReadHeads();
  Status ReadRope();
  Status ReadScaling();
  Status ReadYarn(double factor);
  Status ReadWindow();
  Status RefuseFeatures() const;
  std::string Key(std::string_view key) const { return prefix_ + std::string(key); }
  std::string Is(std::string_view key, std::int64_t value) const {
    return Key(key) + " is " + std::to_string(value);
  }

  const MetadataView& metadata_;
  const ModelFamily& family_;
  std::string prefix_;
  ModelConfig config_;
};

Status GgufReader::Required(std::string_view key, std::int64_t maximum, int& value) const {
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t read, metadata_.Integer(Key(key), 1, maximum));
  value = static_cast<int>(read);
  return Status::Ok();
}

Status GgufReader::Optional(std::string_view key, std::int64_t maximum, int fallback, int& value) const {
  value = fallback;
  return metadata_.Has(Key(key)) ? Required(key, maximum, value) : Status::Ok();
}

Status GgufReader::Positive(std::string_view key, double maximum, float& value) const {
  VIVACE_ASSIGN_OR_RETURN(const double read, metadata_.Number(Key(key)));
  value = static_cast<float>(read);
  if (std::isfinite(read) && read > 0 && read <= maximum && value > 0) return Status::Ok();
  return DataLoss(Key(key) + " is " + std::to_string(read) + "; it must be a positive number up to " +
                  std::to_string(maximum) + ". Convert the checkpoint again.");
}

Status GgufReader::ReadHeads() {
  ModelConfig& c = config_;
  VIVACE_RETURN_IF_ERROR(Required("attention.head_count", kMaxHeads, c.heads));
  VIVACE_RETURN_IF_ERROR(Optional("attention.head_count_kv", kMaxHeads, c.heads, c.kv_heads));
  VIVACE_RETURN_IF_ERROR(Optional("attention.key_length", kMaxHeadDim, 0, c.head_dim));
  // Gemma 3 of 62 layers (27B) scales by the width per head, the others by the head size; the format does not
  // say.
  if (family_.post_norms && c.layers == 62) {
    c.attention_scale = 1.0f / std::sqrt(static_cast<float>(c.hidden) / static_cast<float>(c.heads));
  }
  VIVACE_RETURN_IF_ERROR(FinishHeads({Key("embedding_length"), Key("attention.head_count"),
                                      Key("attention.head_count_kv"), Key("attention.key_length")},
                                     c));
  int value_length = 0;
  VIVACE_RETURN_IF_ERROR(Optional("attention.value_length", kMaxHeadDim, c.head_dim, value_length));
  if (value_length == c.head_dim) return Status::Ok();
  return Unsupported(Is("attention.value_length", value_length) + ", other than the keys' " +
                     std::to_string(c.head_dim) + "; this build knows only equal lengths.");
}

Status GgufReader::ReadRope() {
  ModelConfig& c = config_;
  c.rope.theta = 10000.0f;  // the format's default
  VIVACE_RETURN_IF_ERROR(OptionalPositive("rope.freq_base", kMaxTheta, c.rope.theta));
  c.local_rope.theta = kLocalTheta;
  VIVACE_RETURN_IF_ERROR(OptionalPositive("rope.freq_base_swa", kMaxTheta, c.local_rope.theta));
  int dimensions = 0;
  VIVACE_RETURN_IF_ERROR(Optional("rope.dimension_count", kMaxHeadDim, c.head_dim, dimensions));
  if (dimensions != c.head_dim) {
    return Unsupported(Is("rope.dimension_count", dimensions) + ", other than the head size " +
                       std::to_string(c.head_dim) + "; this build rotates whole heads only.");
  }
  VIVACE_RETURN_IF_ERROR(ReadScaling());
  // Families whose windowed layers have no base of their own rotate all layers alike.
  if (family_.window_rule != WindowRule::kAllButNth) c.local_rope = c.rope;
  return Status::Ok();
}

Status GgufReader::ReadScaling() {
  std::string type = "none";
  float factor = 0;
  if (metadata_.Has(Key("rope.scaling.type"))) {
    VIVACE_ASSIGN_OR_RETURN(type, metadata_.String(Key("rope.scaling.type")));
  }
  for (const char* key : {"rope.scale_linear", "rope.scaling.factor"}) {
    if (!metadata_.Has(Key(key))) continue;
    VIVACE_ASSIGN_OR_RETURN(const double value, metadata_.Number(Key(key)));
    if (value == 0) continue;  // files say so where nothing is scaled
    VIVACE_RETURN_IF_ERROR(Positive(key, 1e6, factor));
    if (!metadata_.Has(Key("rope.scaling.type"))) type = "linear";
  }
  if (type == "none" || factor == 0 || factor == 1) {
    if (type == "none" || type == "linear" || type == "yarn") return Status::Ok();
  }
  if (type == "linear") {
    config_.rope.factors = LinearFactors(config_.head_dim, factor);
    return Status::Ok();
  }
  if (type == "yarn") return ReadYarn(factor);
  return Unsupported(Key("rope.scaling.type") + " is '" + type.substr(0, 64) +
                     "'; this build knows 'none', 'linear' and 'yarn'.");
}

Status GgufReader::ReadYarn(double factor) {
  ModelConfig& c = config_;
  int original = 0;
  float beta_fast = 32, beta_slow = 1, attention = 1;
  VIVACE_RETURN_IF_ERROR(Optional("rope.scaling.original_context_length", kMaxPositions,
                                  std::max(1, static_cast<int>(c.max_positions / factor)), original));
  VIVACE_RETURN_IF_ERROR(OptionalPositive("rope.scaling.yarn_beta_fast", 1e6, beta_fast));
  VIVACE_RETURN_IF_ERROR(OptionalPositive("rope.scaling.yarn_beta_slow", 1e6, beta_slow));
  VIVACE_RETURN_IF_ERROR(OptionalPositive("rope.scaling.attn_factor", 100, attention));
  c.rope.factors = YarnFactors(c.head_dim, c.rope.theta,
                               {factor, beta_fast, beta_slow, static_cast<double>(original), true});
  c.rope.attention_factor = static_cast<float>(attention * YarnAttentionFactor(factor, 1));
  return Status::Ok();
}

Status GgufReader::ReadWindow() {
  const std::string key = Key("attention.sliding_window");
  if (!metadata_.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t window, metadata_.Integer(key, 0, kMaxPositions));
  if (window == 0 || family_.window_rule == WindowRule::kUpperHalf) return Status::Ok();
  config_.window = static_cast<int>(window);
  int pattern = kWindowPattern;
  if (family_.window_rule == WindowRule::kAllButNth) {
    VIVACE_RETURN_IF_ERROR(Optional("attention.sliding_window_pattern", kMaxLayers, kWindowPattern, pattern));
  } else {
    pattern = config_.layers + 1;
  }
  for (int layer = 0; layer < config_.layers; ++layer) {
    config_.windowed.push_back((layer + 1) % pattern != 0);
  }
  return Status::Ok();
}

/// What would change the result and is not built: refused, never ignored.
Status GgufReader::RefuseFeatures() const {
  const char* key = "expert_count";
  if (!metadata_.Has(Key(key))) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t value, metadata_.Integer(Key(key), 0, kMaxPositions));
  if (value == 0) return Status::Ok();
  return Unsupported(Is(key, value) + "; this build knows only models without it.");
}

Result<ModelConfig> GgufReader::Run() {
  ModelConfig& c = config_;
  VIVACE_RETURN_IF_ERROR(Required("block_count", kMaxLayers, c.layers));
  VIVACE_RETURN_IF_ERROR(Required("embedding_length", kMaxWidth, c.hidden));
  VIVACE_RETURN_IF_ERROR(Required("feed_forward_length", kMaxWidth, c.ffn));
  VIVACE_RETURN_IF_ERROR(Required("context_length", kMaxPositions, c.max_positions));
  VIVACE_RETURN_IF_ERROR(Optional("vocab_size", kMaxVocabulary, 0, c.vocabulary));
  VIVACE_RETURN_IF_ERROR(Positive("attention.layer_norm_rms_epsilon", 1, c.norm_eps));
  VIVACE_RETURN_IF_ERROR(OptionalPositive("attn_logit_softcapping", 1e6, c.attention_softcap));
  VIVACE_RETURN_IF_ERROR(OptionalPositive("final_logit_softcapping", 1e6, c.logit_softcap));
  ApplyFamily(family_, c);
  c.interleaved_rope = family_.gguf_interleaved;
  VIVACE_RETURN_IF_ERROR(ReadHeads());
  VIVACE_RETURN_IF_ERROR(ReadRope());
  VIVACE_RETURN_IF_ERROR(ReadWindow());
  VIVACE_RETURN_IF_ERROR(RefuseFeatures());
  return c;
}

class GgufMetadata : public MetadataView {
 public:
  explicit GgufMetadata(const checkpoint::GgufFile& file) : file_(file) {}
  bool Has(std::string_view key) const override { return file_.Has(key); }
  Result<std::int64_t> Integer(std::string_view key, std::int64_t minimum,
                               std::int64_t maximum) const override {
    return file_.Integer(key, minimum, maximum);
  }
  Result<double> Number(std::string_view key) const override { return file_.Number(key); }
  Result<std::string_view> String(std::string_view key) const override { return file_.String(key); }

 private:
  const checkpoint::GgufFile& file_;
};

/// Converters of Llama 3 write the factors of its rotary frequencies as a tensor.
Status ReadRopeFactors(const checkpoint::Checkpoint& file, ModelConfig& config) {
  const checkpoint::TensorView* tensor = file.FindTensor("rope_freqs.weight");
  if (tensor == nullptr) return Status::Ok();
  const auto pairs = static_cast<std::size_t>(config.head_dim) / 2;
  if (tensor->type != tensor::DType::kF32 || tensor->data.size() != pairs * sizeof(float)) {
    return DataLoss("tensor 'rope_freqs.weight' of " + file.name() + " must have one f32 for each of the " +
                    std::to_string(pairs) + " pairs of a head. Convert the checkpoint again.");
  }
  std::vector<float> factors(pairs);
  std::memcpy(factors.data(), tensor->data.data(), tensor->data.size());
  for (const float factor : factors) {
    if (std::isfinite(factor) && factor > 0) continue;
    return DataLoss("tensor 'rope_freqs.weight' of " + file.name() + " has the value " +
                    std::to_string(factor) + "; it must be positive. Convert the checkpoint again.");
  }
  config.rope.factors = factors;
  config.local_rope.factors = std::move(factors);
  return Status::Ok();
}

}  // namespace

Result<ModelConfig> ReadConfig(const MetadataView& metadata) {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, metadata.String("general.architecture"));
  VIVACE_ASSIGN_OR_RETURN(const ModelFamily* family, FindFamily(name));
  return GgufReader(metadata, *family).Run();
}

Result<ModelConfig> ReadConfig(const checkpoint::Checkpoint& file) {
  if (file.gguf() == nullptr) return ReadConfigJson(file.texts().config);
  VIVACE_ASSIGN_OR_RETURN(ModelConfig config, ReadConfig(GgufMetadata(*file.gguf())));
  VIVACE_RETURN_IF_ERROR(ReadRopeFactors(file, config));
  const auto has = [&](const char* name) { return file.FindTensor(name) != nullptr; };
  config.qkv_bias |= has("blk.0.attn_q.bias");
  config.output_bias |= has("blk.0.attn_output.bias");
  config.ffn_bias |= has("blk.0.ffn_gate.bias");
  return config;
}

}  // namespace vivace::models
