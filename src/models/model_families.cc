#include "models/model_families.h"

#include "base/status_macros.h"
#include "models/llama.h"

namespace vivace::models {
namespace {

constexpr ModelFamily kFamilies[] = {
    {"llama", "Llama, SmolLM2, TinyLlama and others of the same shape", BuildLlama},
};

}  // namespace

std::span<const ModelFamily> ModelFamilies() {
  return kFamilies;
}

Result<const ModelFamily*> FindFamily(std::string_view architecture) {
  std::string known;
  for (const ModelFamily& family : kFamilies) {
    if (family.architecture == architecture) return &family;
    known += (known.empty() ? "'" : ", '") + std::string(family.architecture) + "'";
  }
  return Unsupported("general.architecture is '" + std::string(architecture.substr(0, 64)) +
                     "'; this build knows " + known + ".");
}

Result<graph::Graph> BuildGraph(const ModelConfig& config, std::span<const WeightInfo> weights) {
  VIVACE_ASSIGN_OR_RETURN(const ModelFamily* family, FindFamily(config.architecture));
  return family->build(config, weights);
}

}  // namespace vivace::models
