// How `vivace inspect` prints a model.
#pragma once

#include <string>

#include "vivace/inspect.h"

namespace vivace::cli {

/// A table for people: one fact a line.
std::string InspectText(const ModelSummary& model);
/// One JSON object on one line; sizes in bytes, lengths in tokens.
std::string InspectJson(const ModelSummary& model);

}  // namespace vivace::cli
