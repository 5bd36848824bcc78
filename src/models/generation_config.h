// What a model's makers say about generating with it: generation_config.json of a folder. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "vivace/status.h"

namespace vivace::models {

/// Unset: the file does not say, or there is none.
struct GenerationDefaults {
  std::vector<std::int32_t> end_tokens;    // eos_token_id: one or a list
  std::vector<std::int32_t> begin_tokens;  // bos_token_id
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<std::int64_t> top_k;  // 0: all tokens
  std::optional<double> repetition_penalty;
  std::optional<std::int64_t> max_new_tokens;
};

/// All unset when the checkpoint has no such file. kDataLoss: a value out of range; the message names it.
Result<GenerationDefaults> ReadGenerationDefaults(const checkpoint::Checkpoint& file);
Result<GenerationDefaults> ReadGenerationDefaults(std::string_view text);

}  // namespace vivace::models
