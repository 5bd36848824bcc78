// What both readers of a model's facts share: the bounds of sizes, and the checks and derived facts once all
// keys are read. Plain functions.
#pragma once

#include <cstdint>
#include <string>

#include "models/model_config.h"
#include "models/model_families.h"
#include "vivace/status.h"

namespace vivace::models {

// Larger than any model known; below what 32-bit row sizes can hold.
inline constexpr std::int64_t kMaxLayers = 1024;
inline constexpr std::int64_t kMaxWidth = 1 << 18;
inline constexpr std::int64_t kMaxHeads = 1024;
inline constexpr std::int64_t kMaxHeadDim = 512;
inline constexpr std::int64_t kMaxVocabulary = 1 << 22;
inline constexpr std::int64_t kMaxPositions = 1 << 24;
inline constexpr double kMaxTheta = 1e12;

/// What a source calls the keys that the checks name.
struct KeyNames {
  std::string hidden, heads, kv_heads, head_dim;
};

/// Fills head_dim when it is 0, checks heads and head size, and sets the attention scale if it is 0.
/// kDataLoss: sizes that contradict each other. kUnsupported: a head size that no kernel takes.
Status FinishHeads(const KeyNames& names, ModelConfig& config);
/// The facts that follow from the family alone.
void ApplyFamily(const ModelFamily& family, ModelConfig& config);

}  // namespace vivace::models
