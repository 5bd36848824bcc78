// Any bytes as config.json and as generation_config.json: reading ends in facts whose weights can be listed
// and whose graph can be built, or in a Status that says why.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "expect.h"
#include "models/generation_config.h"
#include "models/model_families.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using vivace::fuzz::Expect;
  namespace models = vivace::models;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto defaults = models::ReadGenerationDefaults(text);
  Expect(defaults.ok() || !defaults.status().message().empty(), "a refusal says why");
  auto config = models::ReadConfigJson(text);
  if (!config.ok()) {
    Expect(!config.status().message().empty(), "a refusal says why");
    return 0;
  }
  if (config->layers > 8) {  // as many kinds of layers, in less time
    config->layers = 8;
    if (config->windowed.size() > 8) config->windowed.resize(8);
  }
  const auto weights = models::RequiredWeights(*config, config->tied == true);
  Expect(weights.ok(), "a folder's config lists its weights");
  const auto graph = models::BuildGraph(*config, *weights);
  Expect(graph.ok() || !graph.status().message().empty(), "a refusal says why");
  Expect(graph.ok(), "what a config needs is enough for its graph");
  return 0;
}
