#include "engine/default_sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/mapped_file.h"
#include "base/status_macros.h"
#include "models/generation_config.h"
#include "sampling/sampler.h"

namespace vivace::engine {
namespace {

Result<models::GenerationDefaults> ReadFile(const std::string& folder) {
  VIVACE_ASSIGN_OR_RETURN(const base::MappedFile file,
                          base::MappedFile::Open(folder + "/generation_config.json"));
  return models::ReadGenerationDefaults(
      std::string_view(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()));
}

int Clamped(std::int64_t value) {
  return static_cast<int>(std::min<std::int64_t>(value, std::numeric_limits<int>::max()));
}

void Apply(const models::GenerationDefaults& defaults, SamplingParams& sampling,
           std::optional<int>& max_tokens) {
  sampling.temperature = defaults.temperature.value_or(sampling.temperature);
  sampling.top_p = defaults.top_p.value_or(sampling.top_p);
  sampling.min_p = defaults.min_p.value_or(sampling.min_p);
  if (defaults.top_k) sampling.top_k = Clamped(*defaults.top_k);
  sampling.repetition_penalty = defaults.repetition_penalty.value_or(sampling.repetition_penalty);
  if (defaults.max_new_tokens) max_tokens = Clamped(*defaults.max_new_tokens);
}

Status ReadFromModel(const checkpoint::Checkpoint& checkpoint, const EngineConfig& config,
                     SamplingParams& sampling, std::optional<int>& max_tokens) {
  if (config.generation_config == "vllm") return Status::Ok();
  const bool is_auto = config.generation_config == "auto";
  const auto read = is_auto ? models::ReadGenerationDefaults(checkpoint) : ReadFile(config.generation_config);
  if (!read.ok()) {
    return Status(read.status().code(),
                  fmt::format("{} (--generation-config vllm goes without it)", read.status().message()));
  }
  Apply(*read, sampling, max_tokens);
  const Status valid = sampling::Validate(sampling, std::numeric_limits<std::int32_t>::max());
  if (valid.ok()) return valid;
  return DataLoss(
      fmt::format("generation_config.json: {} (--generation-config vllm goes without it)", valid.message()));
}

}  // namespace

Status ReadDefaults(const checkpoint::Checkpoint& checkpoint, const EngineConfig& config,
                    SamplingParams& sampling, std::optional<int>& max_tokens) {
  VIVACE_RETURN_IF_ERROR(ReadFromModel(checkpoint, config, sampling, max_tokens));
  if (config.generation_overrides.empty()) return Status::Ok();
  const std::string given =
      fmt::format("--override-generation-config is '{}'", config.generation_overrides.substr(0, 100));
  const auto overrides = models::ReadGenerationDefaults(config.generation_overrides);
  if (!overrides.ok()) return InvalidArgument(fmt::format("{}: {}", given, overrides.status().message()));
  Apply(*overrides, sampling, max_tokens);
  const Status valid = sampling::Validate(sampling, std::numeric_limits<std::int32_t>::max());
  return valid.ok() ? valid : InvalidArgument(fmt::format("{}: {}", given, valid.message()));
}

}  // namespace vivace::engine
