// Shapes of public models by name, so that one can be run without its weights: what its config.json says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vivace::models {

/// The text of a config.json with the model's sizes; nothing for a name that is not in the table. `name` is
/// one of KnownShapeNames or the model's name on a hub ("meta-llama/Meta-Llama-3-8B-Instruct"): upper or
/// lower case, with or without an organisation, whichever. A name that ends in -FP8 has a
/// quantization_config.
std::optional<std::string> KnownShapeConfig(std::string_view name);
/// All names, sorted, with ", " between.
std::string KnownShapeNames();

}  // namespace vivace::models
