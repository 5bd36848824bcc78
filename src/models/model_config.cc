#include "models/model_config.h"

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "models/model_families.h"

namespace vivace::models {
namespace {

// Larger than any model known; below what 32-bit row sizes can hold.
constexpr std::int64_t kMaxLayers = 1024;
constexpr std::int64_t kMaxWidth = 1 << 18;
constexpr std::int64_t kMaxHeads = 1024;
constexpr std::int64_t kMaxHeadDim = 512;
constexpr std::int64_t kMaxVocabulary = 1 << 22;
constexpr std::int64_t kMaxPositions = 1 << 24;

/// Reads the keys of one architecture into a config.
class ConfigReader {
 public:
  ConfigReader(const MetadataView& metadata, std::string architecture)
      : metadata_(metadata), prefix_(architecture + ".") {
    config_.architecture = std::move(architecture);
  }
  Result<ModelConfig> Run();

 private:
  Status Required(std::string_view key, std::int64_t maximum, int& value) const;
  Status Optional(std::string_view key, std::int64_t maximum, int fallback, int& value) const;
  Status Positive(std::string_view key, double maximum, float& value) const;
  Status ReadHeads();
  Status ReadRope();
  Status RefuseFeatures() const;
  std::string Key(std::string_view key) const { return prefix_ + std::string(key); }
  std::string Is(std::string_view key, std::int64_t value) const {
    return Key(key) + " is " + std::to_string(value);
  }

  const MetadataView& metadata_;
  std::string prefix_;
  ModelConfig config_;
};

Status ConfigReader::Required(std::string_view key, std::int64_t maximum, int& value) const {
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t read, metadata_.Integer(Key(key), 1, maximum));
  value = static_cast<int>(read);
  return Status::Ok();
}

Status ConfigReader::Optional(std::string_view key, std::int64_t maximum, int fallback, int& value) const {
  value = fallback;
  return metadata_.Has(Key(key)) ? Required(key, maximum, value) : Status::Ok();
}

Status ConfigReader::Positive(std::string_view key, double maximum, float& value) const {
  VIVACE_ASSIGN_OR_RETURN(const double read, metadata_.Number(Key(key)));
  value = static_cast<float>(read);
  if (std::isfinite(read) && read > 0 && read <= maximum && value > 0) return Status::Ok();
  return DataLoss(Key(key) + " is " + std::to_string(read) + "; it must be a positive number up to " +
                  std::to_string(maximum) + ". Convert the checkpoint again.");
}

Status ConfigReader::ReadHeads() {
  ModelConfig& c = config_;
  VIVACE_RETURN_IF_ERROR(Required("attention.head_count", kMaxHeads, c.heads));
  VIVACE_RETURN_IF_ERROR(Optional("attention.head_count_kv", kMaxHeads, c.heads, c.kv_heads));
  if (c.kv_heads > c.heads || c.heads % c.kv_heads != 0) {
    return DataLoss(Is("attention.head_count_kv", c.kv_heads) + ", which does not divide " +
                    Is("attention.head_count", c.heads) + ". Convert the checkpoint again.");
  }
  int value_length = 0;
  if (metadata_.Has(Key("attention.key_length"))) {
    VIVACE_RETURN_IF_ERROR(Required("attention.key_length", kMaxHeadDim, c.head_dim));
  } else if (c.hidden % c.heads != 0 || c.hidden / c.heads > kMaxHeadDim) {
    return DataLoss(Is("embedding_length", c.hidden) + ", which does not split into " +
                    Is("attention.head_count", c.heads) + " heads of at most " + std::to_string(kMaxHeadDim) +
                    ". Convert the checkpoint again.");
  } else {
    c.head_dim = c.hidden / c.heads;
  }
  VIVACE_RETURN_IF_ERROR(Optional("attention.value_length", kMaxHeadDim, c.head_dim, value_length));
  if (value_length != c.head_dim) {
    return Unsupported(Is("attention.value_length", value_length) + ", other than the keys' " +
                       std::to_string(c.head_dim) + "; this build knows only equal lengths.");
  }
  if (c.head_dim % 16 != 0) {
    return Unsupported("the head size (" + Key("attention.key_length") +
                       ", or embedding_length / head_count) is " + std::to_string(c.head_dim) +
                       "; this build knows only multiples of 16.");
  }
  c.attention_scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
  return Status::Ok();
}

Status ConfigReader::ReadRope() {
  config_.rope_theta = 10000.0f;  // the format's default
  if (metadata_.Has(Key("rope.freq_base"))) {
    VIVACE_RETURN_IF_ERROR(Positive("rope.freq_base", 1e12, config_.rope_theta));
  }
  int dimensions = 0;
  VIVACE_RETURN_IF_ERROR(Optional("rope.dimension_count", kMaxHeadDim, config_.head_dim, dimensions));
  if (dimensions != config_.head_dim) {
    return Unsupported(Is("rope.dimension_count", dimensions) + ", other than the head size " +
                       std::to_string(config_.head_dim) + "; this build rotates whole heads only.");
  }
  return Status::Ok();
}

/// What would change the result and is not built: refused, never ignored.
Status ConfigReader::RefuseFeatures() const {
  const std::string scaling = Key("rope.scaling.type");
  if (metadata_.Has(scaling)) {
    VIVACE_ASSIGN_OR_RETURN(const std::string_view type, metadata_.String(scaling));
    if (type != "none") {
      return Unsupported(scaling + " is '" + std::string(type) + "'; this build knows only 'none'.");
    }
  }
  for (const std::string_view key : {"rope.scale_linear", "rope.scaling.factor"}) {
    if (!metadata_.Has(Key(key))) continue;
    VIVACE_ASSIGN_OR_RETURN(const double factor, metadata_.Number(Key(key)));
    if (factor != 1 && factor != 0) {
      return Unsupported(Key(key) + " is " + std::to_string(factor) + "; this build knows only 1.");
    }
  }
  for (const std::string_view key : {"expert_count", "attention.sliding_window"}) {
    if (!metadata_.Has(Key(key))) continue;
    VIVACE_ASSIGN_OR_RETURN(const std::int64_t value, metadata_.Integer(Key(key), 0, kMaxPositions));
    if (value != 0) return Unsupported(Is(key, value) + "; this build knows only models without it.");
  }
  return Status::Ok();
}

Result<ModelConfig> ConfigReader::Run() {
  ModelConfig& c = config_;
  VIVACE_RETURN_IF_ERROR(Required("block_count", kMaxLayers, c.layers));
  VIVACE_RETURN_IF_ERROR(Required("embedding_length", kMaxWidth, c.hidden));
  VIVACE_RETURN_IF_ERROR(Required("feed_forward_length", kMaxWidth, c.ffn));
  VIVACE_RETURN_IF_ERROR(Required("context_length", kMaxPositions, c.max_positions));
  VIVACE_RETURN_IF_ERROR(Optional("vocab_size", kMaxVocabulary, 0, c.vocabulary));
  VIVACE_RETURN_IF_ERROR(Positive("attention.layer_norm_rms_epsilon", 1, c.norm_eps));
  VIVACE_RETURN_IF_ERROR(ReadHeads());
  VIVACE_RETURN_IF_ERROR(ReadRope());
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

}  // namespace

Result<ModelConfig> ReadConfig(const MetadataView& metadata) {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, metadata.String("general.architecture"));
  VIVACE_ASSIGN_OR_RETURN(const ModelFamily* family, FindFamily(name));
  return ConfigReader(metadata, std::string(family->architecture)).Run();
}

Result<ModelConfig> ReadConfig(const checkpoint::Checkpoint& file) {
  if (file.gguf() == nullptr) {
    return Unsupported("'" + file.name() +
                       "' is not a GGUF file; this build reads the metadata of GGUF files only.");
  }
  return ReadConfig(GgufMetadata(*file.gguf()));
}

Result<std::vector<WeightInfo>> ReadWeights(const checkpoint::Checkpoint& file) {
  std::vector<WeightInfo> weights;
  weights.reserve(file.tensors().size());
  for (const checkpoint::TensorView& tensor : file.tensors()) {
    const std::string name(tensor.name);
    if (tensor.dim_count > 2) {
      return Unsupported("tensor '" + name + "' of " + file.name() + " has " +
                         std::to_string(tensor.dim_count) + " dimensions; this build knows at most 2.");
    }
    weights.push_back({name, tensor.type, tensor.dim_count == 2 ? tensor.dims[1] : 0, tensor.dims[0]});
  }
  return weights;
}

}  // namespace vivace::models
