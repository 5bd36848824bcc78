#include "models/config_checks.h"

#include <cmath>

namespace vivace::models {

Status FinishHeads(const KeyNames& names, ModelConfig& c) {
  const auto is = [](const std::string& name, int value) { return name + " is " + std::to_string(value); };
  if (c.kv_heads > c.heads || c.heads % c.kv_heads != 0) {
    return DataLoss(is(names.kv_heads, c.kv_heads) + ", which does not divide " + is(names.heads, c.heads) +
                    ". Convert the checkpoint again.");
  }
  if (c.head_dim == 0) {
    if (c.hidden % c.heads != 0 || c.hidden / c.heads > kMaxHeadDim) {
      return DataLoss(is(names.hidden, c.hidden) + ", which does not split into " + is(names.heads, c.heads) +
                      " heads of at most " + std::to_string(kMaxHeadDim) + ". Convert the checkpoint again.");
    }
    c.head_dim = c.hidden / c.heads;
  }
  if (c.head_dim % 8 != 0) {
    return Unsupported("the head size (" + names.head_dim + ", or " + names.hidden + " / " + names.heads +
                       ") is " + std::to_string(c.head_dim) + "; this build knows only multiples of 8.");
  }
  if (static_cast<std::int64_t>(c.heads) * c.head_dim > kMaxWidth) {
    return DataLoss(is(names.heads, c.heads) + " and " + is(names.head_dim, c.head_dim) +
                    "; together at most " + std::to_string(kMaxWidth) + ". Convert the checkpoint again.");
  }
  if (c.attention_scale == 0) c.attention_scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
  return Status::Ok();
}

void ApplyFamily(const ModelFamily& family, ModelConfig& config) {
  config.architecture = family.architecture;
  config.activation = family.activation;
  config.qkv_bias = family.qkv_bias;
  config.qk_norm = family.qk_norm;
  config.post_norms = family.post_norms;
  if (family.scaled_embedding) config.embedding_scale = std::sqrt(static_cast<float>(config.hidden));
}

}  // namespace vivace::models
