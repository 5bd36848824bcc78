// Values that a user puts in the place of those of a config.json: --hf-overrides. Plain functions.
#pragma once

#include <string>
#include <string_view>

#include "vivace/status.h"

namespace vivace::models {

/// `config` with the keys of `overrides`, both JSON objects. Objects within them are merged key by key, any
/// other value takes the place of the old one; null is as if the key were not there. kInvalidArgument: no
/// object, or a top-level key that neither `config` has nor a model reads, with the nearest one that is
/// right.
Result<std::string> OverrideConfig(std::string_view config, std::string_view overrides);

}  // namespace vivace::models
