// The facts of one model, read from a checkpoint's metadata and checked. Plain data: families differ by these
// fields, not by code. Every error names the key, its value and what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "tensor/dtype.h"
#include "vivace/status.h"

namespace vivace::models {

struct ModelConfig {
  std::string architecture;  // "llama": the key prefix and the family
  int layers = 0;
  int hidden = 0;
  int heads = 0;
  int kv_heads = 0;       // divides heads
  int head_dim = 0;       // a multiple of 16
  int ffn = 0;            // width between gate-up and down
  int vocabulary = 0;     // 0: the metadata does not say; the embedding's rows decide
  int max_positions = 0;  // tokens the model was made for
  float norm_eps = 0;
  float rope_theta = 0;
  float attention_scale = 0;  // 1 / sqrt(head_dim)
};

/// What the checkpoint has under a name. rows = 0: a vector of `width`.
struct WeightInfo {
  std::string name;
  tensor::DType dtype = tensor::DType::kF32;
  std::int64_t rows = 0;   // outputs
  std::int64_t width = 0;  // contiguous; inputs of a linear layer
};

/// Metadata by key. Getters fail on a missing key, a wrong type or a value out of range; the message names
/// them.
class MetadataView {
 public:
  virtual ~MetadataView() = default;
  virtual bool Has(std::string_view key) const = 0;
  virtual Result<std::int64_t> Integer(std::string_view key, std::int64_t minimum,
                                       std::int64_t maximum) const = 0;
  virtual Result<double> Number(std::string_view key) const = 0;
  virtual Result<std::string_view> String(std::string_view key) const = 0;
};

/// Reads and checks the facts. kUnsupported: an architecture or a feature that this build does not know.
Result<ModelConfig> ReadConfig(const MetadataView& metadata);
Result<ModelConfig> ReadConfig(const checkpoint::Checkpoint& file);

/// All tensors of the file. kUnsupported: more than two dimensions.
Result<std::vector<WeightInfo>> ReadWeights(const checkpoint::Checkpoint& file);

}  // namespace vivace::models
